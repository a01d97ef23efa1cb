"""Rasters of made-up probabilities, stitched from fragments."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from mask_runs import Lattice, MaskRun, pieces

from orbitile.base.errors import OrbitileError
from orbitile.detections.tiling import TileSize
from orbitile.inference.fragments import Fragments
from orbitile.inference.outputs import MaskOutputs
from orbitile.jobs.pieces import JobWork
from orbitile.rasters.read import opened_raster, read_window
from orbitile.space.grids import Window
from orbitile.stages.stitch import StitchInputs, stitch_masks
from orbitile.stages.tile import tile_scenes
from orbitile.tables.masks import TILE_MASKS
from orbitile.tables.parquet import read_table, write_arrow
from orbitile.tables.rasters import read_rasters, write_rasters

SIZE = TileSize(32, 8, blended=True)
SHAPE = (70, 90)
RNG = np.random.default_rng(1)
VALID = RNG.random(SHAPE) < 0.9


@pytest.fixture
def group(tmp_path):
    """Tiles a scene without some of its pixels, and stitches the answers of a function of a tile's window.

    Its tiles are kept in as many fragments as asked for, by turns; `fails` are not searched.
    """

    def run(answer, names=("ridge",), fragments=2, fails=(), valid=VALID):
        run = MaskRun(tmp_path / "r").write("scaled", {"": np.full(SHAPE, 9, np.uint8)}, pieces(90, 70), valid)
        scaled, tiles, raw, out = (run.table(stage, "a") for stage in ("scaled", "tiles", "raw", "stitched"))
        tile_scenes(scaled, {100.0: SIZE}, str(tmp_path / "t"), tiles, JobWork())
        table = read_table(tiles)
        written = Fragments(tmp_path / f"f{fragments}", "a", 100.0)
        for turn in range(fragments):
            tile_rows = [row for row in table.itertuples() if row.tile not in fails and row.tile % fragments == turn]
            rows = [
                dict(scene="a", scale_m=100.0, tile=row.tile, probability=pixels.tobytes()) | {"class": name}
                for row in tile_rows
                for name, pixels in zip(names, answer(Window(row.col, row.row, 32, 32)), strict=True)
            ]
            if tile_rows:
                written.add({f"row{turn}": [row.tile for row in tile_rows]}, pa.Table.from_pylist(rows, TILE_MASKS))
        index_rows = [
            dict(scene="a", scale_m=100.0, tile=number, path=str(path))
            for path, numbers in written.tiles_by_path([f"row{turn}" for turn in range(fragments)])
            for number in numbers
        ]
        columns = ["scene", "scale_m", "tile", "path"]
        write_arrow(pa.Table.from_pandas(pd.DataFrame(index_rows, columns=columns)), raw)
        stitch_masks(StitchInputs(raw, tiles, scaled), {100.0: SIZE}, str(tmp_path / "p"), out, JobWork())
        return read_rasters(out)

    return run


def pixels_of(row):
    with opened_raster(row.path) as source:
        return *read_window(
            source, Window(0, 0, row.width, row.height), range(1, source.count + 1)
        ), source.descriptions


def constant(*levels):
    return lambda window: [np.full((32, 32), level, np.uint8) for level in levels]


def noise(window):
    """Another answer for each tile."""
    return [np.random.default_rng(1000 * window.row + window.col).integers(0, 256, (32, 32)).astype(np.uint8)]


def test_what_has_no_data_is_masked_and_zero(group):
    """However sure the network was of it."""
    (row,) = group(constant(255))
    probability, valid, names = pixels_of(row)
    assert np.array_equal(valid, VALID)
    assert np.array_equal(probability[0], np.where(VALID, 255, 0))
    assert names == ("ridge",)
    assert (row.scene, row.low, row.high) == ("a", [0.0], [255.0])


def test_classes_are_bands_in_the_order_of_the_network(group):
    (row,) = group(constant(10, 20, 30), ("ridge", "graben", "pit"))
    assert (row.bands, row.low, row.high) == (3, [0.0] * 3, [255.0] * 3)
    probability, valid, names = pixels_of(row)
    assert names == ("ridge", "graben", "pit")
    assert [np.unique(band[valid]).tolist() for band in probability] == [[10], [20], [30]]


@pytest.mark.parametrize("fragments", [2, 3, 7])
def test_how_tiles_lie_in_fragments_does_not_matter(group, fragments):
    first = pixels_of(*group(noise, fragments=1))[0]
    assert np.array_equal(pixels_of(*group(noise, fragments=fragments))[0], first)


def test_a_tile_that_failed_leaves_what_only_it_saw_masked(group):
    """Tile 0 alone sees the first 24 columns of the first 24 rows."""
    everywhere = np.ones(SHAPE, bool)
    (row,) = group(constant(200), fails=(0,), valid=everywhere)
    _, valid, _ = pixels_of(row)
    expected = everywhere.copy()
    expected[:24, :24] = False
    assert np.array_equal(valid, expected)


def test_pixels_without_data_in_any_band_of_the_scene_are_masked(raster, tmp_path):
    """The made-up scene has two bands; the second has no data where it is 0."""
    pixels = np.random.default_rng(2).integers(0, 5, (2, *SHAPE)).astype(np.uint8)
    pixels[0] = 9
    scaled, tiles, predictions, out = (str(tmp_path / f"{name}.parquet") for name in ("scaled", "tiles", "p", "out"))
    write_rasters([raster(pixels, nodata=0)], scaled)
    tile_scenes(scaled, {100.0: SIZE}, str(tmp_path / "t"), tiles, JobWork())
    fragments, numbers = Fragments(tmp_path / "f", "a", 100.0), read_table(tiles)["tile"].tolist()
    masks = [dict(scene="a", scale_m=100.0, tile=n, probability=bytes([200]) * 32**2) | {"class": "x"} for n in numbers]
    fragments.add({"row": numbers}, pa.Table.from_pylist(masks, TILE_MASKS))
    index = [dict(scene="a", scale_m=100.0, tile=number, path=str(fragments.paths(["row"])[0])) for number in numbers]
    write_arrow(pa.Table.from_pylist(index), predictions)
    stitch_masks(StitchInputs(predictions, tiles, scaled), {100.0: SIZE}, str(tmp_path / "s"), out, JobWork())
    (stitched,) = read_rasters(out)
    assert np.array_equal(pixels_of(stitched)[1], pixels[1] > 0)
    assert stitched.bands == 1


def test_a_scene_without_tiles_is_left_out(group):
    assert group(constant(9), fails=range(99)) == []


def test_a_raster_is_made_once_for_the_same_fragments(group):
    first, repeated, refragmented = group(noise)[0], group(noise)[0], group(noise, fragments=3)[0]
    assert first.path == repeated.path
    assert first.path != refragmented.path


def test_fragments_that_lack_tiles_are_named(group, tmp_path):
    group(noise)
    run = MaskRun(tmp_path / "r")
    raw, tiles, scaled = (run.table(stage, "a") for stage in ("raw", "tiles", "scaled"))
    table = read_table(raw)
    table["path"] = table["path"].iloc[0]
    write_arrow(pa.Table.from_pandas(table), raw)
    with pytest.raises(OrbitileError, match=r"scene a.*is missing from this file; delete the file and run again"):
        stitch_masks(
            StitchInputs(raw, tiles, scaled), {100.0: SIZE}, str(tmp_path / "p"), str(tmp_path / "o.parquet"), JobWork()
        )


def test_scales_are_stitched_apart(tmp_path):
    """A scene at two scales, searched with a network that says the scale."""
    run = MaskRun(tmp_path / "r")
    for gsd_m, level in ((100.0, 10), (200.0, 20)):
        run.lattice = Lattice(gsd_m=gsd_m)
        run.write("scaled", {"": np.full((40, 40), level, np.uint8)}, pieces(40, 40))
    scaled, tiles, raw, out = (run.table(stage, "a") for stage in ("scaled", "tiles", "raw", "stitched"))
    sizes = {100.0: SIZE, 200.0: TileSize(16, 4, blended=True)}
    tile_scenes(scaled, sizes, str(tmp_path / "t"), tiles, JobWork())
    index_rows = []
    for (_, scale_m), scale_tiles in read_table(tiles).groupby(["scene", "scale_m"]):
        written, side = Fragments(tmp_path / "f", "a", scale_m), sizes[scale_m].tile_px
        rows = [
            dict(scene="a", scale_m=scale_m, tile=number, probability=bytes([int(scale_m / 10)]) * side**2)
            | {"class": "ridge"}
            for number in scale_tiles["tile"]
        ]
        written.add({"row": scale_tiles["tile"].tolist()}, pa.Table.from_pylist(rows, TILE_MASKS))
        index_rows += [
            dict(scene="a", scale_m=scale_m, tile=number, path=str(path))
            for path, numbers in written.tiles_by_path(["row"])
            for number in numbers
        ]
    write_arrow(pa.Table.from_pylist(index_rows), raw)
    stitch_masks(StitchInputs(raw, tiles, scaled), sizes, str(tmp_path / "p"), out, JobWork())
    levels = {row.scale_m: np.unique(pixels_of(row)[0]).tolist() for row in read_rasters(out)}
    assert levels == {100.0: [10], 200.0: [20]}


def test_the_index_of_masks_names_fragments():
    assert MaskOutputs.schema is TILE_MASKS
