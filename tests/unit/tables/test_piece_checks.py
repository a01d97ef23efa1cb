import pytest

from orbitile.base.errors import OrbitileError
from orbitile.base.seals import write_seal
from orbitile.tables.piece_checks import check_pieces


@pytest.fixture
def piece(tmp_path):
    """A sealed raster of the scene a, of group g, and all tables of that group and of another."""
    for folder in ("georeferenced", "scaled", "tiles", "stitched"):
        (tmp_path / folder).mkdir()
        for group in "gh":
            (tmp_path / folder / f"{group}.parquet").write_text("table")
    path = tmp_path / "rasters" / "a" / "100m-key.tif"
    path.parent.mkdir(parents=True)
    path.write_text("pixels")
    write_seal(path)
    return path


def tables(results):
    return {str(path.relative_to(results)) for path in results.glob("*/?.parquet")}


def test_complete_pieces_pass(piece, tmp_path):
    before = tables(tmp_path)
    check_pieces(tmp_path / "scaled" / "g.parquet", [piece])
    piece.with_suffix(".seal").unlink()  # of an earlier version: the table says that it was finished
    check_pieces(tmp_path / "scaled" / "g.parquet", [piece])
    assert tables(tmp_path) == before


@pytest.mark.parametrize(
    ("content", "words"), [("pixelz", "is not as it was finished"), ("", "has 0 bytes instead of 6")]
)
def test_all_tables_of_a_group_that_name_a_damaged_piece_count_as_missing(piece, tmp_path, content, words):
    before = tables(tmp_path)
    piece.write_text(content)
    with pytest.raises(OrbitileError, match=rf"g\.parquet: its file .*100m-key\.tif {words}.*run again"):
        check_pieces(tmp_path / "scaled" / "g.parquet", [piece])
    assert before - tables(tmp_path) == {"georeferenced/g.parquet", "scaled/g.parquet"}


def test_a_missing_piece_counts_as_damaged(piece, tmp_path):
    piece.unlink()
    with pytest.raises(OrbitileError, match="is missing"):
        check_pieces(tmp_path / "georeferenced" / "g.parquet", [piece])
    assert not (tmp_path / "scaled" / "g.parquet").exists()
