"""Rasters of made-up probabilities, stitched from fragments."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from mask_runs import Lattice, MaskRun, pieces

from orbitile.errors import OrbitileError
from orbitile.jobs.pieces import Work
from orbitile.rasters.read import opened, read
from orbitile.searching.fragments import Fragments
from orbitile.searching.kinds import MaskKind
from orbitile.space.grids import Window
from orbitile.stages.stitch import Inputs, stitch
from orbitile.stages.tile import tile
from orbitile.tables.masks import TILES
from orbitile.tables.parquet import read_table, write_arrow
from orbitile.tables.rasters import read_rasters
from orbitile.tiling import TileSize

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
        tile(scaled, {100.0: SIZE}, str(tmp_path / "t"), tiles, Work())
        table = read_table(tiles)
        kept = Fragments(tmp_path / f"f{fragments}", "a", 100.0)
        for turn in range(fragments):
            own = [row for row in table.itertuples() if row.tile not in fails and row.tile % fragments == turn]
            rows = [
                dict(scene="a", scale_m=100.0, tile=row.tile, probability=pixels.tobytes()) | {"class": name}
                for row in own
                for name, pixels in zip(names, answer(Window(row.col, row.row, 32, 32)), strict=True)
            ]
            if own:
                kept.add({f"row{turn}": [row.tile for row in own]}, pa.Table.from_pylist(rows, TILES))
        found = [
            dict(scene="a", scale_m=100.0, tile=number, path=str(path))
            for path, numbers in kept.tiles([f"row{turn}" for turn in range(fragments)])
            for number in numbers
        ]
        columns = ["scene", "scale_m", "tile", "path"]
        write_arrow(pa.Table.from_pandas(pd.DataFrame(found, columns=columns)), raw)
        stitch(Inputs(raw, tiles, scaled), {100.0: SIZE}, str(tmp_path / "p"), out, Work())
        return read_rasters(out)

    return run


def pixels_of(row):
    with opened(row.path) as source:
        return *read(source, Window(0, 0, row.width, row.height), range(1, source.count + 1)), source.descriptions


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
    assert (row.scene, row.low, row.high) == ("a", 0.0, 255.0)


def test_classes_are_bands_in_the_order_of_the_network(group):
    (row,) = group(constant(10, 20, 30), ("ridge", "graben", "pit"))
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


def test_a_scene_without_tiles_is_left_out(group):
    assert group(constant(9), fails=range(99)) == []


def test_a_raster_is_made_once_for_the_same_fragments(group):
    first, again, other = group(noise)[0], group(noise)[0], group(noise, fragments=3)[0]
    assert first.path == again.path
    assert first.path != other.path


def test_fragments_that_lack_tiles_are_named(group, tmp_path):
    group(noise)
    run = MaskRun(tmp_path / "r")
    raw, tiles, scaled = (run.table(stage, "a") for stage in ("raw", "tiles", "scaled"))
    table = read_table(raw)
    table["path"] = table["path"].iloc[0]
    write_arrow(pa.Table.from_pandas(table), raw)
    with pytest.raises(OrbitileError, match=r"scene a.*lacks tiles that it should hold; delete it and run again"):
        stitch(Inputs(raw, tiles, scaled), {100.0: SIZE}, str(tmp_path / "p"), str(tmp_path / "o.parquet"), Work())


def test_scales_are_stitched_apart(tmp_path):
    """A scene at two scales, searched with a network that says the scale."""
    run = MaskRun(tmp_path / "r")
    for gsd_m, level in ((100.0, 10), (200.0, 20)):
        run.lattice = Lattice(gsd_m=gsd_m)
        run.write("scaled", {"": np.full((40, 40), level, np.uint8)}, pieces(40, 40))
    scaled, tiles, raw, out = (run.table(stage, "a") for stage in ("scaled", "tiles", "raw", "stitched"))
    sizes = {100.0: SIZE, 200.0: TileSize(16, 4, blended=True)}
    tile(scaled, sizes, str(tmp_path / "t"), tiles, Work())
    found = []
    for (_, scale_m), some in read_table(tiles).groupby(["scene", "scale_m"]):
        kept, side = Fragments(tmp_path / "f", "a", scale_m), sizes[scale_m].tile_px
        rows = [
            dict(scene="a", scale_m=scale_m, tile=number, probability=bytes([int(scale_m / 10)]) * side**2)
            | {"class": "ridge"}
            for number in some["tile"]
        ]
        kept.add({"row": some["tile"].tolist()}, pa.Table.from_pylist(rows, TILES))
        found += [
            dict(scene="a", scale_m=scale_m, tile=number, path=str(path))
            for path, numbers in kept.tiles(["row"])
            for number in numbers
        ]
    write_arrow(pa.Table.from_pylist(found), raw)
    stitch(Inputs(raw, tiles, scaled), sizes, str(tmp_path / "p"), out, Work())
    levels = {row.scale_m: np.unique(pixels_of(row)[0]).tolist() for row in read_rasters(out)}
    assert levels == {100.0: [10], 200.0: [20]}


def test_the_index_of_masks_names_fragments():
    assert MaskKind.schema is TILES
