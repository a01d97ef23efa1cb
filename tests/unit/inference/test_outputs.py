"""What a search keeps, for answers that are made up."""

import numpy as np
import pyarrow as pa
import pytest
from mask_runs import MaskRun, pieces

from orbitile.detections.tiling import TileSize
from orbitile.inference import collector
from orbitile.inference.engine.predictions import PredictedMasks
from orbitile.inference.fragments import Fragments
from orbitile.inference.models.families import FAMILIES
from orbitile.inference.outputs import BoxOutputs, MaskOutputs, output_kind
from orbitile.stages.infer import infer
from orbitile.tables.detections import TILE_DETECTIONS
from orbitile.tables.masks import MASK_INDEX, TILE_MASKS
from orbitile.tables.parquet import read_arrow, read_table


def test_families_of_networks_have_their_kinds():
    assert {name: type(output_kind(name)) for name in FAMILIES} == dict(yolo=BoxOutputs, segmentation=MaskOutputs)
    assert (BoxOutputs.schema, MaskOutputs.schema) == (TILE_DETECTIONS, TILE_MASKS)


def test_masks_are_a_row_for_each_tile_and_class():
    probability = np.arange(2 * 3 * 2 * 2, dtype=np.uint8).reshape(2, 3, 2, 2)
    columns = MaskOutputs(("a", "b", "c")).columns(PredictedMasks(np.array([4, 7]), probability), {})
    assert columns["tile"].tolist() == [4, 4, 4, 7, 7, 7]
    assert columns["class"].tolist() == ["a", "b", "c"] * 2
    stacked = np.stack([np.frombuffer(pixels, np.uint8) for pixels in columns["probability"]])
    assert np.array_equal(stacked.reshape(probability.shape), probability)


def test_no_masks_at_all():
    none = PredictedMasks(np.zeros(0, np.int64), np.zeros((0, 2, 8, 8), np.uint8))
    assert {len(column) for column in MaskOutputs(("a", "b")).columns(none, {}).values()} == {0}


class Row:
    """A row of tiles, as far as its table is concerned."""

    def __init__(self, key, scene_scale):
        self.key, self.scene_scale = key, scene_scale


def tiles(*numbers, scene="a"):
    rows = [dict(scene=scene, scale_m=1.0, tile=n, probability=bytes(4)) | {"class": "ridge"} for n in numbers]
    return pa.Table.from_pylist(rows, TILE_MASKS)


def test_the_table_of_masks_says_in_which_fragment_each_tile_is(tmp_path):
    """Sorted by scene and tile, whatever the order in which they were searched; keys of old rows are passed over."""
    fragments = {place: Fragments(tmp_path, *place) for place in (("b", 1.0), ("a", 1.0))}
    fragments["a", 1.0].add({"second": [2, 3]}, tiles(2, 3))
    fragments["a", 1.0].add({"first": [0, 1], "old": [9]}, tiles(0, 1, 9))
    fragments["b", 1.0].add({"other": [0]}, tiles(0, scene="b"))
    rows = [Row("other", ("b", 1.0)), Row("second", ("a", 1.0)), Row("first", ("a", 1.0))]
    index = MaskOutputs().stage_table(fragments, rows)
    assert index.schema == MASK_INDEX
    table = index.to_pandas()
    assert table[["scene", "tile"]].to_numpy().tolist() == [["a", 0], ["a", 1], ["a", 2], ["a", 3], ["b", 0]]
    for row in table.itertuples():
        assert row.tile in read_arrow(row.path)["tile"].to_pylist()
        assert row.scene in read_arrow(row.path)["scene"].to_pylist()


def test_no_rows_of_tiles():
    index = MaskOutputs().stage_table({}, [])
    assert (index.schema, len(index)) == (MASK_INDEX, 0)


@pytest.mark.parametrize(("max_bytes", "expected"), [(2**40, 1), (0, 5)])
def test_masks_wait_in_memory_up_to_a_number_of_bytes(tmp_path, monkeypatch, brightness, max_bytes, expected):
    """Of a raster of five rows of tiles; else they are kept when it ends."""
    monkeypatch.setattr(collector, "FRAGMENT_BYTES", max_bytes)
    run = MaskRun(tmp_path).write("scaled", {"": np.full((160, 64), 50, np.uint8)}, pieces(64, 160))
    run.searched(TileSize(32, 0, blended=True), infer)
    raw = read_table(run.table("raw", "a"))
    assert len(raw) == 10
    assert raw["path"].nunique() == expected
