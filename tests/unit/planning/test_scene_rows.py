"""What plans hold of strips that become one scene. Images are made up."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from pyproj import CRS

from orbitile.georeferencing.image_header import read_image_header
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


def unplanned(scene):
    return UnplannedScene(scene, f"{scene}.tif", "1-1", f"{scene}.tif: made up", [f"{scene}.tif"])


@pytest.fixture
def cornered(geotiff):
    """A made-up image that is placed by its corners, from one longitude to another."""

    def row(scene, west, east, maps=NATIVE):
        path = geotiff(np.ones((40, 60), np.uint8), f"{scene}.tif", crs=None)
        request = GeorefRequest(path, corners=FINE.format(west, east))
        placement = place_by_geometry(request, CORNERS, read_image_header(path), maps)
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
    mosaics = [merge_mosaics(list(order), [], names, NATIVE) for order in itertools.permutations(strips)]
    assert all(mosaic == mosaics[0] for mosaic in mosaics)


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
    assert [(scene.scene, scene.path, scene.reason) for scene in lost] == [("m", "b.tif", "strip b: b.tif: made up")]


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
