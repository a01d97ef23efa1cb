from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from orbitile.jobs.pieces import JobWork
from orbitile.rasters.read import opened_raster, read_window
from orbitile.space.grids import Window
from orbitile.stages.downsample import downsample
from orbitile.tables.rasters import RasterTables, read_rasters, write_rasters


@pytest.fixture
def coarser(tmp_path):
    """Downsamples one raster; returns its coarser one with pixels and their validity."""

    def run(row, factor=2):
        write_rasters([row], tmp_path / "fine.parquet")
        scales = {row.scale_m: 1, row.scale_m * factor: factor}
        table, folder, out = (str(tmp_path / name) for name in ("fine.parquet", "rasters", "out.parquet"))
        downsample(RasterTables(table), scales, folder, out, JobWork())
        fine, coarse = read_rasters(tmp_path / "out.parquet")
        assert fine == row
        with opened_raster(coarse.path) as source:
            return coarse, *read_window(source, Window(0, 0, coarse.width, coarse.height))

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
    assert (row.low, row.high) == ([3], [9])


def test_seams_go_for_all_scales_and_sources_for_the_finest(raster, coarser):
    """Made-up names of files; the fine row's are kept, as `coarser` asserts."""
    row = replace(raster(np.ones((4, 4), np.uint8)), seams="seams.parquet", sources="sources.tif")
    coarse, *_ = coarser(row)
    assert (coarse.seams, coarse.sources) == ("seams.parquet", None)


def test_what_is_done_is_not_done_again(raster, coarser):
    row = raster(np.ones((4, 4), np.uint8))
    first, second = coarser(row)[0], coarser(row)[0]
    assert first == second
    assert coarser(row, 4)[0].path != first.path


def test_a_scene_is_averaged_with_its_neighbours_pixels(raster, tmp_path):
    """Two made-up pieces that meet in the middle of a coarse pixel: both have its average over the two."""
    pixels = np.array([[1, 3, 10, 30], [5, 7, 50, 70]], np.uint8)
    rows = [
        replace(raster(pixels[:, :3], "a"), in_mosaic=True, lenders=["b"], longitude_wraps=[0]),
        replace(raster(pixels[:, 3:], "b", left=300), in_mosaic=True, lenders=["a"], longitude_wraps=[0]),
    ]
    paths = [str(tmp_path / f"{row.scene}.parquet") for row in rows]
    for row, path in zip(rows, paths, strict=True):
        write_rasters([row], path)
    seen = {}
    for own, other in (paths, paths[::-1]):
        downsample(RasterTables(own, [other]), {100.0: 1, 200.0: 2}, str(tmp_path), str(tmp_path / "out"), JobWork())
        _, coarse = read_rasters(tmp_path / "out")
        with opened_raster(coarse.path) as source:
            seen[coarse.scene] = read_window(source, Window(0, 0, coarse.width, coarse.height))[0].tolist()
        assert (coarse.in_mosaic, coarse.lenders) == (True, ["b" if coarse.scene == "a" else "a"])
    assert seen == dict(a=[[4, 40]], b=[[40]])


@pytest.mark.parametrize(("left", "depends"), [(300, True), (400, False)])
def test_only_neighbours_that_share_coarse_pixels_matter(raster, tmp_path, left, depends):
    """A neighbour that changes changes the name of what is made with its pixels."""
    row = replace(raster(np.ones((4, 4), np.uint8)), in_mosaic=True, lenders=["b"], longitude_wraps=[0])
    names = []
    for number in (1, 2):
        write_rasters([row], tmp_path / "own.parquet")
        other = raster(np.ones((4, 4), np.uint8), "b", left=left)
        moved = tmp_path / f"b-{number}.tif"
        Path(other.path).rename(moved)
        write_rasters([replace(other, path=str(moved))], tmp_path / "beside.parquet")
        tables = RasterTables(str(tmp_path / "own.parquet"), [str(tmp_path / "beside.parquet")])
        downsample(tables, {100.0: 1, 200.0: 2}, str(tmp_path), str(tmp_path / "out"), JobWork())
        names.append(read_rasters(tmp_path / "out")[1].path)
    assert (names[0] != names[1]) == depends


def test_scales_that_are_made_together_are_what_each_is_by_itself(raster, tmp_path, monkeypatch):
    """A made-up scene off the lattice of all factors, whose rows take several readings."""
    monkeypatch.setattr("orbitile.rasters.resample.WINDOW_BYTES", 1)
    monkeypatch.setattr("orbitile.rasters.resample.LEAST_ROWS", 24)
    pixels = np.random.default_rng(0).integers(0, 255, (211, 97)).astype(np.float32)
    pixels[40:90, 10:70] = 0
    row = raster(pixels, left=700, top=-1100, nodata=0)
    write_rasters([row], tmp_path / "fine.parquet")
    results = {}
    for factors in ([2, 6, 8], [2], [6], [8]):
        folder, out = tmp_path / str(factors), tmp_path / "out.parquet"
        scales = {100.0 * factor: factor for factor in (1, *factors)}
        downsample(RasterTables(str(tmp_path / "fine.parquet")), scales, str(folder), str(out), JobWork())
        for coarse in read_rasters(out)[1:]:
            with opened_raster(coarse.path) as source:
                window = Window(0, 0, coarse.width, coarse.height)
                content = [array.tolist() for array in read_window(source, window)]
            assert results.setdefault(coarse.scale_m, content) == content
    assert len(results) == 3


def test_a_scale_that_is_missing_is_made_without_the_others(raster, tmp_path):
    write_rasters([raster(np.ones((8, 8), np.uint8))], tmp_path / "fine.parquet")
    tables, folder, out = RasterTables(str(tmp_path / "fine.parquet")), str(tmp_path / "rasters"), str(tmp_path / "out")
    downsample(tables, {100.0: 1, 200.0: 2, 400.0: 4}, folder, out, JobWork())
    _, half, quarter = (Path(row.path) for row in read_rasters(out))
    before = half.stat().st_ino
    quarter.unlink()
    downsample(tables, {100.0: 1, 200.0: 2, 400.0: 4}, folder, out, JobWork())
    assert quarter.is_file() and half.stat().st_ino == before
