"""The placement of images that have no map: by their camera, by their corners, before ISIS. Images are made up."""

import numpy as np
import pytest
from camera_files import HIRISE
from pyproj import CRS
from raw_archive import HIRISE as HIRISE_EDR
from raw_archive import Archive

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.image_header import read_image_header
from orbitile.georeferencing.instruments.hirise import HIRISE as HIRISE_INSTRUMENT
from orbitile.georeferencing.request import GeorefRequest
from orbitile.planning.camera_placement import place_by_geometry
from orbitile.planning.scene_rows import TargetMap
from orbitile.rasters.data_bands import DataBand
from orbitile.space.bodies import find_body
from orbitile.tables.georef_methods import CORNERS, ISIS, SPICE

MARS = find_body("Mars")
NATIVE = TargetMap(None, 100.0, MARS)
OTHER = "IAU_2015:49915"
EDR = str(HIRISE_EDR)
AROUND_180 = "179.9 -4.0; -179.9 -4.0; -179.9 -4.2; 179.9 -4.2"
FINE = "137.0 -4.0; 137.1 -4.0; 137.1 -4.1; 137.0 -4.1"


def place(path, method, maps=NATIVE, **known):
    return place_by_geometry(GeorefRequest(str(path), **known), method, read_image_header(str(path)), maps)


@pytest.mark.parametrize(
    ("crs", "corners", "polar_deg", "name"),
    [
        (None, FINE, 65, "Equirectangular, lat_ts = -5, clon = 0"),
        (None, AROUND_180, 65, "clon = 180"),
        (None, FINE, 3, "South Polar"),
        (OTHER, FINE, 3, CRS(OTHER).name),
    ],
)
def test_the_map_of_an_image_that_has_none(geotiff, crs, corners, polar_deg, name):
    path = geotiff(np.ones((40, 60), np.uint8), crs=None)
    grid = place(path, CORNERS, TargetMap(crs, 100.0, MARS, polar_deg), corners=corners).grid
    assert name in grid.crs.name
    assert grid.is_upright
    assert grid.transform.c % 100 == grid.transform.f % 100 == 0


@pytest.mark.parametrize(
    ("kernels", "error_m"),
    [(str(HIRISE), None), (None, HIRISE_INSTRUMENT.camera.error_m)],
)
def test_the_expected_error_of_isis(kernels, error_m):
    """That of its kernels without terrain, unless the plan itself goes by kernels: then as these say."""
    corners = "-156.80 -1.05; -156.70 -1.05; -156.70 -1.15; -156.80 -1.15"
    placement = place(EDR, ISIS, kernels=kernels, corners=corners)
    by_camera = place(EDR, SPICE, kernels=str(HIRISE)).error_m
    assert (placement.georef_method, placement.error_m) == (ISIS, error_m or by_camera)
    assert placement.instrument == "HIRISE"
    assert placement.bands == (DataBand(1, "float32", None),)


def test_isis_needs_a_rough_place_for_the_plan():
    with pytest.raises(OrbitileError, match=r"12_0\.IMG: has no corners .*before ISIS processes it"):
        place(EDR, ISIS)


def test_an_elevation_model_leaves_out_what_relief_may_do(geotiff):
    flat = geotiff(np.zeros((60, 60), np.float32), crs="IAU_2015:49910", left=-9_298_000, top=-50_000, gsd=500)
    plain, on_model = (place(EDR, SPICE, kernels=str(HIRISE), elevation=elevation) for elevation in (None, flat))
    assert on_model.error_m == HIRISE_INSTRUMENT.camera.error_m < plain.error_m


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (dict(crs="IAU_2015:30110"), r"dem\.tif: the elevation model lies on .*Moon.*, but the run's body is Mars"),
        (dict(crs=None), r"dem\.tif: the elevation model has no georeferencing; give one on a map of Mars"),
        (dict(crs="IAU_2015:49910"), r"dem\.tif: the elevation model does not cover longitude -156\..* leave"),
    ],
)  # fmt: skip
def test_elevation_models_that_do_not_fit(geotiff, profile, message):
    path = geotiff(np.zeros((6, 6), np.float32), "dem.tif", **profile)
    with pytest.raises(OrbitileError, match=message):
        place(EDR, SPICE, kernels=str(HIRISE), elevation=path)


@pytest.mark.parametrize(
    ("label_says", "message"),
    [
        (dict(PRODUCT_ID='"P99"'), "is the label of P99, but the image .* is P01_000000_0000_XN_00N000W; give"),
        (dict(IMAGE=dict(LINES=90)), "truncated: its label describes 90 lines up to byte .*; fetch it again"),
    ],
)
def test_a_label_that_is_not_the_image_s(tmp_path, label_says, message):
    """It says another product, or more lines than there are."""
    pixels = np.ones((8, 5056), np.uint8)
    image = Archive(tmp_path).ctx(pixels)
    (tmp_path / "other").mkdir()
    other = Archive(tmp_path / "other").ctx(pixels, detached=True, **label_says)
    label = other.with_suffix(".lbl").rename(image.with_suffix(".lbl"))
    with pytest.raises(OrbitileError, match=message):
        place(label, CORNERS, corners=AROUND_180)
