import numpy as np
import pytest

from orbitile.jobs.pieces import Work
from orbitile.rasters.read import opened, read
from orbitile.space.grids import Window
from orbitile.stages.downsample import downsample
from orbitile.tables.rasters import read_rasters, write_rasters


@pytest.fixture
def coarser(tmp_path):
    """Downsamples one raster; returns its coarser one with pixels and their validity."""

    def run(row, factor=2):
        write_rasters([row], tmp_path / "fine.parquet")
        scales = {row.scale_m: 1, row.scale_m * factor: factor}
        table, folder, out = (str(tmp_path / name) for name in ("fine.parquet", "rasters", "out.parquet"))
        downsample(table, scales, folder, out, Work())
        fine, coarse = read_rasters(tmp_path / "out.parquet")
        assert fine == row
        with opened(coarse.path) as source:
            return coarse, *read(source, Window(0, 0, coarse.width, coarse.height))

    return run


def test_blocks_are_averaged(raster, coarser):
    pixels = np.array([[1, 3, 10, 10], [5, 7, 10, 11]], np.uint8)
    row, averaged, valid = coarser(raster(pixels))
    assert averaged.tolist() == [[4, 10]]
    assert valid.all()
    assert (row.scale_m, row.grid.gsd_m) == (200, 200)


@pytest.mark.parametrize("shift", [0, 50, 20, -20, 1e-7])
def test_a_scene_between_the_map_s_pixels_stays_in_place(raster, coarser, shift):
    """A made-up scene that lies a part of its pixel (100 m) from the map's origin: its own pixels are averaged."""
    pixels = np.arange(1, 17, dtype=np.uint8).reshape(4, 4)
    row, averaged, valid = coarser(raster(pixels, left=400 + shift, top=-800 - shift))
    assert averaged.tolist() == [[4, 6], [12, 14]]
    assert valid.all()
    assert row.grid.to_map(0, 0) == pytest.approx((400 + shift, -800 - shift), abs=1e-4)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_an_average_of_the_nodata_value_is_valid(raster, coarser, dtype):
    """Made-up pixels around a nodata value of 100: their average is data."""
    pixels = np.array([[99, 101], [101, 99]], dtype)
    _, averaged, valid = coarser(raster(pixels, nodata=100))
    assert valid.tolist() == [[True]]
    assert averaged[0, 0] == pytest.approx(100, abs=1)


def test_the_stretch_is_the_scene_s(raster, coarser):
    row, _, _ = coarser(raster(np.ones((4, 4), np.uint8), low=3, high=9))
    assert (row.low, row.high) == (3, 9)


def test_what_is_done_is_not_done_again(raster, coarser):
    row = raster(np.ones((4, 4), np.uint8))
    first, second = coarser(row)[0], coarser(row)[0]
    assert first == second
    assert coarser(row, 4)[0].path != first.path
