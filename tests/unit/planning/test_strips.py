"""Raw and other strips on their way to one scene: planned, placed and merged. The HiRISE image is real."""

import json

import geopandas
import numpy as np
import pytest
import rasterio
from camera_files import HIRISE
from raw_archive import HIRISE as HIRISE_EDR

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.project_image import TargetGrid
from orbitile.jobs.pieces import JobWork, read_exclusions
from orbitile.planning.headers import group_scenes, read_headers
from orbitile.settings import Settings
from orbitile.space.bodies import find_body
from orbitile.stages.georeference import GeoreferenceTarget, georeference
from orbitile.tables.rasters import read_rasters

GSD_M = 22.0
MARS = "IAU_2015:49910"


class Run:
    """Plans and georeferences what a scene table names, into a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.out = folder / "out.parquet"

    def __call__(self, *rows, columns, allow_failures=False, crs=None):
        table = self.folder / "scenes.csv"
        table.write_text("\n".join([columns, *rows, ""]))
        scale = dict(gsd_m=GSD_M, tile_px=32, overlap_px=16)
        model = dict(weights="any.safetensors", sha256="0" * 64)
        settings = Settings(run="r", body="Mars", scenes=table, scales=[scale], model=model, crs=crs)
        planned, lost = read_headers(settings, {})
        assert lost == []
        scenes, _ = group_scenes(planned, settings, 1, {})
        target = GeoreferenceTarget(TargetGrid(find_body("Mars"), crs, GSD_M), (1, 99))
        georeference(scenes, target, str(self.folder / "rasters"), str(self.out), JobWork(allow_failures))
        return {row.scene: row for row in read_rasters(self.out)}


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def pixels_of(path):
    with rasterio.open(path) as source:
        return source.read(1), source.read_masks(1) > 0


def test_one_raw_image_twice_is_the_image(run):
    """All of the first strip, because both are of one resolution: there is no seam, and no level is changed."""
    columns, known = "scene,path,kernels,mosaic", f"{HIRISE_EDR},{HIRISE}"
    alone = run(f"x,{known},", columns=columns)["x"]
    twice = run(f"b,{known},m", f"a,{known},m", columns=columns)["m"]
    assert (twice.georef_method, twice.error_m, twice.transform) == ("spice", alone.error_m, alone.transform)
    for found, expected in zip(pixels_of(twice.path), pixels_of(alone.path), strict=True):
        np.testing.assert_array_equal(found, expected)
    numbers, _ = pixels_of(twice.sources)
    np.testing.assert_array_equal(numbers, np.where(pixels_of(alone.path)[1], 1, 0))
    assert geopandas.read_parquet(twice.seams).empty
    with rasterio.open(twice.path) as source:
        assert [strip["name"] for strip in json.loads(source.tags()["strips"])] == ["a", "b"]
        assert source.tags()["georef_method"] == "spice"
    again = run(f"a,{known},m", f"b,{known},m", columns=columns)["m"]
    assert again == twice


def speckle(seed):
    return np.random.default_rng(seed).integers(1, 255, (60, 80), np.uint8)


def test_a_strip_on_another_map_comes_to_the_first_one_s(run, geotiff):
    """Names decide which is the first; here, both cover the same ground."""
    first = geotiff(speckle(0), "a.tif", MARS, left=2200, top=2200, gsd=GSD_M)
    other = geotiff(speckle(1), "b.tif", "IAU_2015:49920", left=2200, top=2200, gsd=GSD_M)
    row = run(f"b,{other},m", f"a,{first},m", columns="scene,path,mosaic")["m"]
    assert (row.transform[2], row.transform[5]) == (2200, 2200)
    with rasterio.open(row.path) as source:
        assert source.tags()["georef_method"] == "projected"
        assert "expected_error_m" not in source.tags()
    np.testing.assert_array_equal(pixels_of(row.path)[0][:60, :80], speckle(0))


def test_a_strip_off_the_common_grid_is_brought_onto_it(run, geotiff):
    """By a third of a pixel: a mosaic of strips that were cut anywhere has one grid."""
    path = geotiff(speckle(0), "a.tif", MARS, left=2200 + GSD_M / 3, top=2200, gsd=GSD_M)
    row = run(f"a,{path},m", columns="scene,path,mosaic")["m"]
    assert [row.transform[2] % GSD_M, row.transform[5] % GSD_M] == pytest.approx([0, 0], abs=1e-6)
    assert row.valid_share > 0.95


def test_a_strip_that_cannot_be_read_leaves_no_mosaic_and_the_others_are_made(run, geotiff, tmp_path):
    good, bad = (geotiff(speckle(n), f"{n}.tif", MARS, left=2200 * n, gsd=GSD_M) for n in (0, 1))
    with open(bad, "r+b") as file:
        file.truncate(2000)
    rows = [f"a,{good},m", f"b,{bad},m", f"c,{good},"]
    with pytest.raises(OrbitileError, match=r"1\.tif: cannot be read"):
        run(*rows, columns="scene,path,mosaic")
    assert not run.out.exists()
    found = run(*rows, columns="scene,path,mosaic", allow_failures=True)
    assert list(found) == ["c"]
    assert {one["scene"] for one in read_exclusions([run.out])} == {"m"}
    left = sorted(path.name.split("-")[1] for path in (tmp_path / "rasters" / "m").glob("*.tif"))
    assert left == ["a"]


def test_strips_of_other_data_types_are_refused(run, geotiff):
    one = geotiff(speckle(0), "a.tif", MARS, gsd=GSD_M)
    other = geotiff(speckle(1).astype(np.uint16), "b.tif", MARS, gsd=GSD_M)
    with pytest.raises(OrbitileError, match=r"has pixels of type uint16, but .* has uint8; convert the strips"):
        run(f"a,{one},m", f"b,{other},m", columns="scene,path,mosaic")


def test_mapped_strips_come_to_the_run_s_map(run, geotiff):
    paths = [geotiff(speckle(n), f"{n}.tif", MARS, left=-80 * GSD_M * n, gsd=GSD_M) for n in (0, 1)]
    rows = [f"{name},{path},m" for name, path in zip("ab", paths, strict=True)]
    row = run(*rows, columns="scene,path,mosaic", crs="IAU_2015:49920")["m"]
    assert "Sinusoidal" in row.crs_wkt
    assert (row.width, row.height) == pytest.approx((160, 60), abs=2)
    assert set(np.unique(pixels_of(row.sources)[0])) == {1, 2}
