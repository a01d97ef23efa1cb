"""Scenes on their way to the run's map and scales. Images are made up unless said otherwise."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from images import planned_row
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.base.versions import file_version
from orbitile.georeferencing.project_image import TargetGrid
from orbitile.jobs.pieces import JobWork
from orbitile.space.bodies import find_body
from orbitile.space.ground import Ground
from orbitile.stages.downsample import downsample
from orbitile.stages.georeference import GeoreferenceTarget, georeference
from orbitile.tables.georef_methods import ISIS
from orbitile.tables.rasters import RasterTables, read_rasters

RADIUS = 1737400


def onto(crs, *stretch):
    return GeoreferenceTarget(TargetGrid(find_body("Moon"), crs, 100), *(stretch or [(0, 100)]))


AS_IT_IS = onto(None)


@pytest.fixture
def run(tmp_path):
    """Georeferences one image; returns its row of the table of rasters."""

    def one(path, target=AS_IT_IS):
        georeference([planned_row(path)], target, str(tmp_path / "rasters"), str(tmp_path / "out.parquet"), JobWork())
        return read_rasters(tmp_path / "out.parquet")[0]

    return one


@pytest.fixture
def speckle():
    return np.random.default_rng(0).integers(1, 255, (70, 90)).astype(np.uint8)


def pixels_of(row):
    with rasterio.open(row.path) as source:
        return source.read(1), source.read_masks(1) > 0


def test_a_fitting_scene_stays_as_it_is(geotiff, run, speckle):
    row = run(geotiff(speckle, left=-4500, top=1000))
    np.testing.assert_array_equal(pixels_of(row)[0], speckle)
    assert row.transform == [100, 0, -4500, 0, -100, 1000]
    assert (row.low, row.high, row.valid_share) == ([speckle.min()], [speckle.max()], 1)


def test_the_result_is_a_cloud_optimised_geotiff(geotiff, run):
    row = run(geotiff(np.zeros((600, 1100), np.uint8)))
    with rasterio.open(row.path) as source:
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.overviews(1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_nodata_is_kept_and_takes_no_part_in_the_stretch(geotiff, run, dtype):
    pixels = np.arange(1, 6001).reshape(60, 100).clip(1, 200).astype(dtype)
    pixels[:10] = 0
    row = run(geotiff(pixels, nodata=0))
    found, valid = pixels_of(row)
    np.testing.assert_array_equal(found, pixels)
    np.testing.assert_array_equal(valid, pixels != 0)
    assert row.valid_share == pytest.approx(50 / 60)
    assert row.low == pytest.approx([200], abs=0.01) == row.high


def test_a_finished_scene_is_not_done_again(geotiff, run, speckle):
    path = geotiff(speckle)
    before = file_version(run(path).path)
    assert file_version(run(path).path) == before


@pytest.mark.parametrize("crs", ["IAU_2015:30130", "IAU_2015:30115", "IAU_2015:30120"])
def test_a_warped_scene_keeps_its_craters_in_place(geotiff, run, crs):
    left, top = 1_900_000, 2_300_000
    pixels = np.full((200, 200), 50, np.uint8)
    row, col = np.mgrid[:200, :200]
    pixels[np.hypot(row - 120.5, col - 70.5) < 12] = 250
    path = geotiff(pixels, left=left, top=top)
    warped = run(path, onto(crs))
    found, valid = pixels_of(warped)
    rows, cols = np.nonzero(valid & (found > 150))
    place = Ground(warped.crs_wkt, RADIUS).lonlat(*warped.grid.to_map(cols.mean() + 0.5, rows.mean() + 0.5))
    expected = Ground(CRS("IAU_2015:30110").to_wkt(), RADIUS).lonlat(left + 71 * 100, top - 121 * 100)
    metres = np.radians(np.subtract(place, expected)) * RADIUS * [np.cos(np.radians(expected[1])), 1]
    assert np.hypot(*metres) < 60
    assert warped.transform[2] % 100 == warped.transform[5] % 100 == 0


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
def test_nothing_outside_a_warped_scene_is_valid(geotiff, run, dtype):
    row = run(
        geotiff(np.full((100, 100), 9, dtype), left=1_900_000, top=2_300_000),
        onto("IAU_2015:30130"),
    )
    found, valid = pixels_of(row)
    assert 0 < valid.mean() < 1
    assert set(np.unique(found[valid])) == {9}


@pytest.mark.parametrize(
    "transform", [Affine(100, 0, 0, 0, 100, 0), Affine(100, 0, 0, 0, -150, 0), Affine(70, 70, 0, 70, -70, 0)]
)
def test_upside_down_oblong_and_turned_scenes_are_warped(tmp_path, run, speckle, transform):
    path = str(tmp_path / "odd.tif")
    profile = dict(driver="GTiff", width=90, height=70, count=1, dtype="uint8", crs=CRS("IAU_2015:30110").to_wkt())
    with rasterio.open(path, "w", transform=transform, **profile) as sink:
        sink.write(speckle, 1)
    assert run(path).grid.is_upright


@pytest.mark.parametrize(
    "driver, name", [("ISIS3", "a.cub"), ("PDS4", "a.xml"), ("VICAR", "a.vic"), ("JP2OpenJPEG", "a.jp2")]
)
def test_planetary_formats_are_read(geotiff, run, speckle, tmp_path, driver, name):
    options = dict(QUALITY=100, REVERSIBLE="YES") if driver == "JP2OpenJPEG" else {}
    path = str(tmp_path / name)
    rasterio.shutil.copy(geotiff(speckle, left=1000, top=2000), path, driver=driver, **options)
    row = run(path)
    np.testing.assert_array_equal(pixels_of(row)[0], speckle)
    assert row.grid.crs.ellipsoid.semi_major_metre == RADIUS


def test_pds3_is_read(run, speckle, tmp_path):
    label = f"""PDS_VERSION_ID = PDS3
RECORD_TYPE = FIXED_LENGTH
RECORD_BYTES = {speckle.shape[1]}
^IMAGE = ("a.img", 1)
OBJECT = IMAGE
  LINES = {speckle.shape[0]}
  LINE_SAMPLES = {speckle.shape[1]}
  SAMPLE_TYPE = UNSIGNED_INTEGER
  SAMPLE_BITS = 8
END_OBJECT = IMAGE
OBJECT = IMAGE_MAP_PROJECTION
  MAP_PROJECTION_TYPE = "SIMPLE CYLINDRICAL"
  TARGET_NAME = MOON
  A_AXIS_RADIUS = 1737.4 <KM>
  B_AXIS_RADIUS = 1737.4 <KM>
  C_AXIS_RADIUS = 1737.4 <KM>
  MAP_SCALE = 0.1 <KM/PIXEL>
  CENTER_LATITUDE = 0.0 <DEG>
  CENTER_LONGITUDE = 0.0 <DEG>
  LINE_PROJECTION_OFFSET = 20.0 <PIXEL>
  SAMPLE_PROJECTION_OFFSET = -10.0 <PIXEL>
END_OBJECT = IMAGE_MAP_PROJECTION
END
"""
    (tmp_path / "a.lbl").write_text(label)
    (tmp_path / "a.img").write_bytes(speckle.tobytes())
    row = run(str(tmp_path / "a.lbl"))
    np.testing.assert_array_equal(pixels_of(row)[0], speckle)
    assert row.grid.gsd_m == pytest.approx(100)


def test_coarser_scales_come_with_the_finest(geotiff, run, speckle, tmp_path):
    run(geotiff(speckle, left=-4500, top=1000))
    fine, folder, out = (str(tmp_path / name) for name in ("out.parquet", "rasters", "all.parquet"))
    downsample(RasterTables(fine), {100.0: 1, 400.0: 4}, folder, out, JobWork())
    fine, coarse = read_rasters(tmp_path / "all.parquet")
    assert (fine.scale_m, coarse.scale_m) == (100, 400)
    assert coarse.transform == [400, 0, -4800, 0, -400, 1200]
    whole = speckle[2:6, 1:5].mean()
    assert pixels_of(coarse)[0][1, 1] == round(whole)
    assert (coarse.low, coarse.high) == (fine.low, fine.high)


@pytest.mark.parametrize(
    ("values", "expected"), [(None, ([1], [254])), ((-5, 300), ([-5], [300])), (((2, 9),), ([2], [9]))]
)
def test_the_stretch_goes_by_values_where_they_are_given(geotiff, run, values, expected):
    pixels = np.linspace(1, 254, 6300).reshape(70, 90).astype(np.uint8)
    row = run(geotiff(pixels), onto(None, (0, 100), values))
    assert (row.low, row.high) == expected


def test_a_raster_knows_who_lends_it_pixels_now(geotiff, tmp_path):
    """Scenes that come later beside it do not make it anew."""
    path = geotiff(np.ones((4, 6), np.uint8))
    scene = planned_row(path)
    rows = []
    for lent in (
        dict(in_mosaic=False, lenders=[], longitude_wraps=[]),
        dict(in_mosaic=True, lenders=["b", "c"], longitude_wraps=[0, -1]),
    ):
        georeference(
            [replace(scene, **lent)], AS_IT_IS, str(tmp_path / "rasters"), str(tmp_path / "out.parquet"), JobWork()
        )
        rows += read_rasters(tmp_path / "out.parquet")
    assert rows[0].path == rows[1].path
    assert [(row.in_mosaic, row.lenders, row.longitude_wraps) for row in rows] == [
        (False, [], []),
        (True, ["b", "c"], [0, -1]),
    ]


def test_a_cube_that_isis_made_anew_makes_the_raster_anew(geotiff, tmp_path):
    """Its name holds the version of ISIS, its kernels and its shape model; images that are made up stand for cubes."""
    cubes = {name: geotiff(np.full((4, 6), value, np.float32), name) for name, value in (("1.cub", 1), ("2.cub", 2))}
    scene = replace(planned_row(cubes["1.cub"]), georef_method=ISIS, path="raw.IMG")
    found = []
    for cube in ("1.cub", "2.cub", "1.cub"):
        target = GeoreferenceTarget(TargetGrid(find_body("Moon"), None, 100, cubes={"a": cubes[cube]}), (0, 100))
        georeference([scene], target, str(tmp_path / "rasters"), str(tmp_path / "out.parquet"), JobWork())
        found += read_rasters(tmp_path / "out.parquet")
    assert [pixels_of(row)[0].max() for row in found] == [1, 2, 1]
    assert found[0] == found[2]


def test_a_scene_without_its_cube_fails_and_the_others_are_made(geotiff, tmp_path):
    scene = planned_row(geotiff(np.ones((4, 6), np.uint8)))
    lost = replace(scene, scene="b", georef_method=ISIS, path="raw.IMG")
    out = tmp_path / "out.parquet"
    with pytest.raises(OrbitileError, match=r"raw\.IMG: ISIS has not made a cube of it"):
        georeference([scene, lost], AS_IT_IS, str(tmp_path / "rasters"), str(out), JobWork())
    georeference([scene, lost], AS_IT_IS, str(tmp_path / "rasters"), str(out), JobWork(allow_failures=True))
    assert [row.scene for row in read_rasters(out)] == ["a"]


def test_a_stretch_of_another_run_warns_in_the_table_too_when_nothing_is_done_again(geotiff, run, speckle, caplog):
    path = geotiff(speckle.astype(np.uint16) * 16)
    stretched = onto(None, (0.5, 99.5), (57, 217))
    row = run(path, stretched)
    low, high = run(path, onto(None, (0.5, 99.5))).low[0], run(path, onto(None, (0.5, 99.5))).high[0]
    (warning,) = row.warnings
    assert f"leave stretch_values out, or set it to [{low:g}, {high:g}], its 0.5 and 99.5 %" in warning
    assert f"scene a: {warning}" in caplog.messages
    assert run(path, stretched).warnings == row.warnings


def test_bands_are_named_in_warnings(geotiff, run, speckle):
    row = run(geotiff(np.stack([speckle, np.full_like(speckle, 7)])), onto(None, (0.5, 99.5)))
    assert row.warnings == ["band 2: all of its pixels have the value 7: nothing can be found in it"]


def test_one_hot_pixel_changes_no_percentile(geotiff, run, speckle):
    pixels = (speckle / 1000).astype(np.float32)
    plain = run(geotiff(pixels), onto(None, (0.5, 99.5)))
    pixels[7, 7] = 1e32
    hot = run(geotiff(pixels, "hot.tif"), onto(None, (0.5, 99.5)))
    assert (hot.low, hot.high, hot.warnings) == (plain.low, plain.high, [])
