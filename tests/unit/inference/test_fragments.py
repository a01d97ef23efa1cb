"""Fragments of a search, with detections that are made up: one per tile."""

import pyarrow as pa
import pytest

from orbitile.base.seals import seal_path
from orbitile.inference.fragments import Fragments
from orbitile.tables.detections import TILE_DETECTIONS


@pytest.fixture
def fragments(tmp_path):
    return lambda scene="a", scale_m=100.0: Fragments(tmp_path, scene, scale_m)


def detections(*tiles):
    rows = [
        dict(scene="a", scale_m=100.0, tile=tile, score=0.5, left=1, top=1, right=2, bottom=2, truncated=False)
        | {"class": "crater"}
        for tile in tiles
    ]
    return pa.Table.from_pylist(rows, TILE_DETECTIONS)


def tiles_of(fragments, *rows):
    return [tile for table in fragments.read(rows) for tile in table["tile"].to_pylist()]


def test_what_is_added_is_found_again(fragments):
    fragments().add({"first": [0, 1], "second": [2, 3]}, detections(0, 1, 3))
    reopened = fragments()
    assert [reopened.searched(key) for key in ("first", "second", "third")] == [{0, 1}, {2, 3}, set()]
    assert tiles_of(reopened, "first", "second") == [0, 1, 3]


def test_only_tiles_of_the_rows_asked_for(fragments):
    """A row may have got another key since, because a neighbour's pixels changed."""
    fragments().add({"first": [0, 1], "old": [2, 3]}, detections(0, 1, 2, 3))
    fragments().add({"new": [2, 3]}, detections(2, 3, 3))
    reopened = fragments()
    assert sorted(tiles_of(reopened, "first", "new")) == [0, 1, 2, 3, 3]
    assert tiles_of(reopened, "first") == [0, 1]
    assert [path.name.rsplit("-", 1)[0] for path in reopened.paths(["new"])] == ["100m-2-3"]


def test_scenes_and_scales_are_kept_apart(fragments):
    fragments().add({"first": [0]}, detections(0))
    assert fragments("b").searched("first") == set()
    assert fragments(scale_m=1000.0).searched("first") == set()
    assert fragments(scale_m=10.0).searched("first") == set()


def test_a_second_look_at_one_row_adds_a_fragment(fragments):
    """Tile 1 failed at first."""
    fragments().add({"first": [0, 2]}, detections(0, 2))
    fragments().add({"first": [1]}, detections(1))
    reopened = fragments()
    assert len(reopened.fragments) == 2
    assert reopened.searched("first") == {0, 1, 2}
    assert sorted(tiles_of(reopened, "first")) == [0, 1, 2]


def test_each_tile_is_told_once(fragments):
    """Though tile 1 lies in two fragments, as after a job that was killed and one that had not seen its work."""
    fragments().add({"first": [0, 1]}, detections(0, 1))
    fragments().add({"first": [1, 2], "second": [5]}, detections(1, 2, 5))
    reopened = fragments()
    listed = dict(reopened.tiles_by_path(["first"]))
    assert sorted(number for tiles in listed.values() for number in tiles) == [0, 1, 2]
    assert list(listed) == reopened.paths(["first"])
    assert [tiles for _, tiles in reopened.tiles_by_path(["second"])] == [[5]]
    assert list(reopened.tiles_by_path(["third"])) == []
    assert reopened.paths(["third"]) == []


def test_a_fragment_that_is_no_table_counts_as_missing(fragments, tmp_path, caplog):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "100m-0-1-abc.parquet").write_text("not a table")
    assert fragments().fragments == []
    assert "100m-0-1-abc.parquet" in caplog.text


@pytest.mark.parametrize("damage", ["empty", "half", "zero tail", "flipped", "unsealed"])
def test_tiles_of_a_torn_fragment_are_not_searched(fragments, tmp_path, caplog, damage):
    fragments().add({"first": [0]}, detections(0))
    fragments().add({"second": [1]}, detections(1))
    path = fragments().paths(["first"])[0]
    content = bytearray(path.read_bytes())
    if damage == "unsealed":
        seal_path(path).unlink()
    elif damage == "zero tail":
        path.write_bytes(content[:-100] + bytes(100))
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        path.write_bytes(content[: len(content) // 2 if damage == "half" else 0])
    assert (fragments().searched("first"), fragments().searched("second")) == (set(), {1})
    assert str(path) in caplog.messages[0]
    assert caplog.messages[0].endswith("its tiles count as missing and are searched again")
    fragments().add({"first": [0]}, detections(0))
    assert tiles_of(fragments(), "first", "second") == [0, 1]
