"""What a search keeps, for answers that are made up."""

import numpy as np
import pyarrow as pa
import pytest
from mask_runs import MaskRun, pieces

from orbitile.engine.answers import FoundMasks
from orbitile.searching import collector
from orbitile.searching.fragments import Fragments
from orbitile.searching.kinds import KINDS, BoxKind, MaskKind
from orbitile.stages.infer import infer
from orbitile.tables.detections import RAW
from orbitile.tables.masks import INDEX, TILES
from orbitile.tables.parquet import read_arrow, read_table
from orbitile.tiling import TileSize


def test_families_of_networks_have_their_kinds():
    assert dict(yolo=BoxKind, segmentation=MaskKind) == KINDS
    assert (BoxKind.schema, MaskKind.schema) == (RAW, TILES)


def test_masks_are_a_row_for_each_tile_and_class():
    probability = np.arange(2 * 3 * 2 * 2, dtype=np.uint8).reshape(2, 3, 2, 2)
    columns = MaskKind(("a", "b", "c")).columns(FoundMasks(np.array([4, 7]), probability), {})
    assert columns["tile"].tolist() == [4, 4, 4, 7, 7, 7]
    assert columns["class"].tolist() == ["a", "b", "c"] * 2
    found = np.stack([np.frombuffer(one, np.uint8) for one in columns["probability"]])
    assert np.array_equal(found.reshape(probability.shape), probability)


def test_no_masks_at_all():
    none = FoundMasks(np.zeros(0, np.int64), np.zeros((0, 2, 8, 8), np.uint8))
    assert {len(column) for column in MaskKind(("a", "b")).columns(none, {}).values()} == {0}


class Row:
    """A row of tiles, as far as its table is concerned."""

    def __init__(self, key, place):
        self.key, self.place = key, place


def tiles(*numbers, scene="a"):
    rows = [dict(scene=scene, scale_m=1.0, tile=n, probability=bytes(4)) | {"class": "ridge"} for n in numbers]
    return pa.Table.from_pylist(rows, TILES)


def test_the_table_of_masks_says_in_which_fragment_each_tile_is(tmp_path):
    """Sorted by scene and tile, whatever the order in which they were searched; keys of old rows are passed over."""
    kept = {place: Fragments(tmp_path, *place) for place in (("b", 1.0), ("a", 1.0))}
    kept["a", 1.0].add({"second": [2, 3]}, tiles(2, 3))
    kept["a", 1.0].add({"first": [0, 1], "old": [9]}, tiles(0, 1, 9))
    kept["b", 1.0].add({"other": [0]}, tiles(0, scene="b"))
    rows = [Row("other", ("b", 1.0)), Row("second", ("a", 1.0)), Row("first", ("a", 1.0))]
    found = MaskKind().whole(kept, rows)
    assert found.schema == INDEX
    table = found.to_pandas()
    assert table[["scene", "tile"]].to_numpy().tolist() == [["a", 0], ["a", 1], ["a", 2], ["a", 3], ["b", 0]]
    for row in table.itertuples():
        assert row.tile in read_arrow(row.path)["tile"].to_pylist()
        assert row.scene in read_arrow(row.path)["scene"].to_pylist()


def test_no_rows_of_tiles():
    found = MaskKind().whole({}, [])
    assert (found.schema, len(found)) == (INDEX, 0)


@pytest.mark.parametrize(("most", "expected"), [(2**40, 1), (0, 5)])
def test_masks_wait_in_memory_up_to_a_number_of_bytes(tmp_path, monkeypatch, brightness, most, expected):
    """Of a raster of five rows of tiles; else they are kept when it ends."""
    monkeypatch.setattr(collector, "FRAGMENT_BYTES", most)
    run = MaskRun(tmp_path).write("scaled", {"": np.full((160, 64), 50, np.uint8)}, pieces(64, 160))
    run.searched(TileSize(32, 0, blended=True), infer)
    raw = read_table(run.table("raw", "a"))
    assert len(raw) == 10
    assert raw["path"].nunique() == expected
