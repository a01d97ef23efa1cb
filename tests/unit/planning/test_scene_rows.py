"""What plans hold of images without a map, and of strips that become one scene. Images are made up."""

import itertools
from dataclasses import replace

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
from orbitile.planning.scene_rows import (
    PlannedImage,
    TargetMap,
    merge_mosaics,
    place_projected,
    row_of_placement,
)
from orbitile.rasters.data_bands import DataBand
from orbitile.space.bodies import find_body
from orbitile.space.grids import Grid
from orbitile.tables.georef_methods import CORNERS, ISIS, PROJECTED, SPICE
from orbitile.tables.plan import UnplannedScene

MARS = find_body("Mars")
NATIVE = TargetMap(None, 100.0, MARS)
WKT = CRS("IAU_2015:49910").to_wkt()
OTHER = "IAU_2015:49915"
EDR = str(HIRISE_EDR)
AROUND_180 = "179.9 -4.0; -179.9 -4.0; -179.9 -4.2; 179.9 -4.2"
FINE = "{0:.4f} -4.0000; {1:.4f} -4.0000; {1:.4f} -4.1000; {0:.4f} -4.1000"


def mapped(scene, col=0, row=0, size=(60, 40), gsd_m=100.0, **changes):
    """A made-up image on the map of the equator, whose first pixel is at a place of the common grid."""
    grid = Grid.on_lattice(WKT, gsd_m, (col * gsd_m, (row - size[1]) * gsd_m, (col + size[0]) * gsd_m, row * gsd_m))
    placement = place_projected(grid, (DataBand(1, "uint8", 0.0),), MARS)
    return PlannedImage(
        replace(row_of_placement(placement, placement.bands, **columns(scene, f"{scene}.tif")), **changes)
    )


def columns(scene, path):
    """What the placement of an image does not tell."""
    return dict(scene=scene, path=path, inputs=[path], fingerprint=f"1-{scene}", group=None, body="Mars",
                request_key=scene, kernels=None, corners=None, elevation=None)  # fmt: skip


def place(path, method, maps=NATIVE, **known):
    """The placement of an image that is not map-projected."""
    return place_by_geometry(GeorefRequest(str(path), **known), method, read_image_header(str(path)), maps)


def unplanned(scene):
    return UnplannedScene(scene, f"{scene}.tif", "1-1", f"{scene}.tif: made up", [f"{scene}.tif"])


@pytest.fixture
def cornered(geotiff):
    """A made-up image that is placed by its corners, from one longitude to another."""

    def row(scene, west, east, maps=NATIVE):
        path = geotiff(np.ones((40, 60), np.uint8), f"{scene}.tif", crs=None)
        placement = place(path, CORNERS, maps, corners=FINE.format(west, east))
        return PlannedImage(row_of_placement(placement, placement.bands, **columns(scene, path)), placement.border)

    return row


def test_scenes_without_mosaics_stay_and_are_sorted():
    rows, lost = merge_mosaics(
        [mapped("b"), mapped("a")], [unplanned("d"), unplanned("c")], dict.fromkeys("abcd"), NATIVE
    )
    assert rows == [mapped("a").row, mapped("b").row]
    assert lost == [unplanned("c"), unplanned("d")]


def test_strips_become_one_scene_around_all_of_them():
    strips = [mapped("a", col=10), mapped("b", col=50, row=-20, size=(30, 50), image_gsd_m=80.0), mapped("c")]
    rows, lost = merge_mosaics(strips, [], dict(a="m", b="m", c=None), NATIVE)
    assert ([row.scene for row in rows], lost) == (["c", "m"], [])
    mosaic = rows[1]
    assert (mosaic.transform[2], mosaic.transform[5]) == (1000, 0)
    assert (mosaic.width, mosaic.height, mosaic.gsd_m) == (70, 70, 100)
    assert [strip.scene for strip in mosaic.strips] == ["a", "b"]
    assert (mosaic.inputs, mosaic.fingerprint) == (["a.tif", "b.tif"], "1-a+1-b")
    assert (mosaic.georef_method, mosaic.dtype, mosaic.nodata, mosaic.image_gsd_m) == (
        PROJECTED,
        "uint8",
        0,
        80,
    )
    assert np.ptp(mosaic.outline_lon) == pytest.approx(np.degrees(7000 / MARS.radius_m))


def test_the_order_of_strips_does_not_matter(cornered):
    strips = [mapped("a", col=81_000), cornered("b", 137.0, 137.1), cornered("c", 137.05, 137.15)]
    names = dict.fromkeys("abc", "m")
    found = [merge_mosaics(list(some), [], names, NATIVE) for some in itertools.permutations(strips)]
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize(
    ("ways", "errors", "expected"),
    [
        ((PROJECTED, PROJECTED), (None, None), (PROJECTED, None)),
        ((PROJECTED, SPICE), (None, 100.0), (SPICE, 100.0)),
        ((CORNERS, SPICE), (1000.0, 100.0), (CORNERS, 1000.0)),
        ((ISIS, SPICE), (300.0, 100.0), (SPICE, 300.0)),
        ((ISIS, PROJECTED), (None, 7.0), (ISIS, 7.0)),
    ],
)
def test_a_mosaic_is_as_good_as_its_worst_strip(ways, errors, expected):
    border = np.array(mapped("a").row.outline_lon), np.array(mapped("a").row.outline_lat)
    strips = [
        mapped(name, georef_method=way, error_m=error)._replace(border=border)
        for name, way, error in zip("ab", ways, errors, strict=True)
    ]
    ((mosaic,), _) = merge_mosaics(strips, [], dict.fromkeys("ab", "m"), NATIVE)
    assert (mosaic.georef_method, mosaic.error_m) == expected


def test_a_mosaic_that_lacks_a_strip_cannot_be_planned():
    rows, lost = merge_mosaics(
        [mapped("a"), mapped("d")], [unplanned("b"), unplanned("c")], dict(a="m", b="m", c="m", d=None), NATIVE
    )
    assert [row.scene for row in rows] == ["d"]
    assert [(one.scene, one.path, one.reason) for one in lost] == [("m", "b.tif", "strip b: b.tif: made up")]


def test_mapped_strips_keep_their_map_and_others_come_to_it(cornered):
    strips = [mapped("a", col=81_000), cornered("b", 137.0, 137.1, TargetMap(OTHER, 100.0, MARS))]
    ((mosaic,), _) = merge_mosaics(strips, [], dict.fromkeys("ab", "m"), NATIVE)
    assert [strip.crs_wkt for strip in mosaic.strips] == [WKT, WKT]
    assert mosaic.crs_wkt == WKT
    west = np.radians(137.0) * MARS.radius_m
    assert mosaic.strips[1].transform[2] == pytest.approx(west, abs=100)


def test_the_run_s_map_goes_before_that_of_strips():
    ((mosaic,), _) = merge_mosaics(
        [mapped("a"), mapped("b")], [], dict.fromkeys("ab", "m"), TargetMap(OTHER, 100.0, MARS)
    )
    assert CRS(mosaic.crs_wkt) == CRS(OTHER)
    assert mosaic.transform[2] < -1e7


def test_strips_on_both_sides_of_the_antimeridian_share_a_map(cornered):
    strips = [cornered("a", 179.0, 179.5), cornered("b", -179.5, -179.0)]
    assert strips[0].row.crs_wkt == strips[1].row.crs_wkt
    ((mosaic,), _) = merge_mosaics(strips, [], dict.fromkeys("ab", "m"), NATIVE)
    assert mosaic.width * 100 == pytest.approx(np.radians(2) * MARS.radius_m, rel=0.02)


def test_mosaics_stand_side_by_side(cornered):
    strips = [cornered("a", 10.0, 10.1), cornered("b", 20.0, 20.1), cornered("c", 10.05, 10.15)]
    rows, _ = merge_mosaics(strips, [], dict(a="east", b="far", c="east"), NATIVE)
    assert [(row.scene, [strip.scene for strip in row.strips]) for row in rows] == [
        ("east", ["a", "c"]), ("far", ["b"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("crs", "corners", "polar_deg", "name"),
    [
        (None, FINE.format(137.0, 137.1), 65, "Equirectangular, lat_ts = -5, clon = 0"),
        (None, AROUND_180, 65, "clon = 180"),
        (None, FINE.format(137.0, 137.1), 3, "South Polar"),
        (OTHER, FINE.format(137.0, 137.1), 3, CRS(OTHER).name),
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
