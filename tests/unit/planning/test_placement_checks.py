"""Places that images claim: refused by name, or on the body; what is doubtful is noted."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_rows import plan_row
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.planning.placement_checks import (
    MAX_PIXELS,
    MAX_SIDE_PX,
    PlaceLimits,
    check_fit,
    check_map,
    check_placement,
    placement_warnings,
    with_map_warning,
    without_map_warning,
)
from orbitile.planning.scene_rows import place_projected
from orbitile.rasters.data_bands import DataBand
from orbitile.space.bodies import find_body
from orbitile.space.footprints import grid_outline
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground

MOON = find_body("Moon")
LIMITS = PlaceLimits(MOON, 100.0)
MAPS = [CRS.from_authority("IAU_2015", code).to_wkt() for code in (30110, 30115, 30120, 30130, 30135, 30140, 30170)]
BANDS = (DataBand(1, "uint8", None),)
NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-200, 200),
    st.floats(-6e6, 6e6),
    st.sampled_from([0.0, 100.0, -100.0, 1e-300]),
)
TRANSFORMS = st.one_of(
    st.builds(Affine, *[NUMBERS] * 6),
    st.builds(Affine, *map(st.just, (100.0, 0.0)), NUMBERS, *map(st.just, (0.0, -100.0)), NUMBERS),
)
SIZES = st.one_of(st.integers(1, 5000), st.integers(1, 2**31 - 1))


def place(grid, limits=LIMITS):
    check_map(grid, limits)
    placement = place_projected(grid, BANDS, limits.body)
    check_placement(placement, limits)
    place_on_map = dict(crs_wkt=grid.crs_wkt, transform=list(grid.transform[:6]), image_gsd_m=placement.image_gsd_m)
    check_fit(
        plan_row("a", "g", **place_on_map),
        SimpleNamespace(crs=None, body="Moon", finest_m=limits.finest_m, finest_key="gsd_m"),
    )
    return placement


@settings(max_examples=300, deadline=None, derandomize=True)
@given(wkt=st.sampled_from(MAPS), transform=TRANSFORMS, width=SIZES, height=SIZES)
def test_a_grid_is_refused_by_name_or_lies_on_the_body(wkt, transform, width, height):
    grid = Grid(wkt, transform, width, height)
    try:
        with np.errstate(all="ignore"):
            placement = place(grid)
    except OrbitileError as error:
        assert "\n" not in str(error)
        return
    assert width * height <= MAX_PIXELS
    assert max(width, height) <= MAX_SIDE_PX
    assert 0 < placement.image_gsd_m <= 101
    cols, rows = np.random.default_rng(0).random((2, 20)) * [[width], [height]]
    lon, lat = Ground(wkt, MOON.radius_m).lonlat(*grid.to_map(cols, rows))
    assert np.isfinite(lon).all()
    assert np.abs(lat).max() <= 90.1


@pytest.mark.parametrize("latitude", [89.9, 90.0, 90.003])
def test_maps_may_end_at_the_pole_and_be_padded_by_a_pixel(latitude):
    top = math.radians(latitude) * MOON.radius_m
    place(Grid(MAPS[0], Affine(100, 0, 0, 0, -100, top), 500, 2000))


@pytest.mark.parametrize("latitude", [90.02, 91, 1e6])
def test_maps_beyond_the_pole_are_refused(latitude):
    top = math.radians(latitude) * MOON.radius_m
    with pytest.raises(OrbitileError, match="beyond the pole of Moon"):
        place(Grid(MAPS[0], Affine(100, 0, 0, 0, -100, top), 500, 2000))


@pytest.mark.parametrize(("start", "allowed"), [(-180, True), (0, True), (-360, True), (180, True), (200, False)])
def test_maps_all_around_may_begin_anywhere_within_a_turn(start, allowed):
    left = math.radians(start) * MOON.radius_m
    width = round(2 * math.pi * MOON.radius_m / 100)
    grid = Grid(MAPS[0], Affine(100, 0, left, 0, -100, 1e5), width, 100)
    if allowed:
        place(grid)
        return
    with pytest.raises(OrbitileError, match="more than once around Moon"):
        place(grid)


def test_the_far_side_of_a_polar_map_is_off_its_scale():
    with pytest.raises(OrbitileError, match=r"square metres on the ground, but of 1e.04 on its map"):
        place(Grid(MAPS[3], Affine(100, 0, 1e8, 0, -100, 1e8), 100, 100))


def test_degrees_declared_as_metres_are_guessed():
    with pytest.raises(OrbitileError, match="are its coordinates degrees, declared as metres"):
        place(Grid(MAPS[0], Affine(1 / 64, 0, -180, 0, -1 / 64, 90), 23040, 11520))


def test_oblong_pixels_are_noted_and_narrow_ones_refused():
    oblong, narrow = (Grid(MAPS[0], Affine(100 / ratio, 0, 0, 0, -100, 0), 100, 100) for ratio in (3, 11))
    assert placement_warnings(place(oblong), LIMITS) == ["its pixels are 3.0 times as long as wide; is that right?"]
    with pytest.raises(OrbitileError, match="far from square"):
        place(narrow)


def row_at(wkt, lat, side_deg=1.0):
    """A row of the plan of a scene that ends at a latitude, whose outline has ten points a side."""
    x, y = Ground(wkt, MOON.radius_m).xy(np.array([0.0]), np.array([float(lat)]), 0.0, 0.0)
    side_m = round(math.radians(side_deg) * MOON.radius_m)
    grid = Grid(wkt, Affine(side_m / 100, 0, float(x[0]), 0, -side_m / 100, float(y[0])), 100, 100)
    lon, lat = grid_outline(grid, Ground(wkt, MOON.radius_m))
    return plan_row("a", "g", crs_wkt=wkt, outline_lon=lon.tolist(), outline_lat=lat.tolist())


def map_notes(row, crs=None, in_pixels=False):
    """Those of a row that an earlier plan may hold."""
    settings = SimpleNamespace(crs=crs, body="Moon", pixel_coordinates=in_pixels)
    return with_map_warning(without_map_warning(row), settings).warnings


@pytest.mark.parametrize(
    ("lat", "note"),
    [
        (60, None),
        (80, "its map shows round craters 5.8 times as long as wide at 80.0 N, and a network may miss them; set crs "
         "to a map that fits, such as the polar IAU_2015:30130"),
        (-75, "its map shows round craters 4.1 times as long as wide at 76.0 S, and a network may miss them; set crs "
         "to a map that fits, such as the polar IAU_2015:30135"),
        (90, "its map shows round craters hundreds of times as long as wide at 90.0 N, and a network may miss them; "
         "set crs to a map that fits, such as the polar IAU_2015:30130"),
    ],
)  # fmt: skip
def test_scenes_near_a_pole_on_an_equirectangular_map_are_noted(lat, note):
    row = row_at(MAPS[0], lat)
    assert map_notes(row) == ([note] if note else [])
    assert map_notes(row, in_pixels=True) == []
    assert map_notes(row, crs="IAU_2015:30130" if lat > 0 else "IAU_2015:30135") == []


def test_the_map_of_the_run_counts_and_an_earlier_note_goes():
    row = row_at(MAPS[3], 80)
    assert map_notes(row) == []
    noted = with_map_warning(
        replace(row, warnings=["other"]), SimpleNamespace(crs="IAU_2015:30110", body="Moon", pixel_coordinates=False)
    )
    assert [text[:9] for text in noted.warnings] == ["other", "its map s"]
    assert map_notes(noted) == ["other"]
    assert len(map_notes(noted, crs="IAU_2015:30110")) == 2


def test_a_scene_on_both_sides_of_the_equator_needs_several_maps():
    (note,) = map_notes(row_at(MAPS[0], 80, side_deg=160))
    assert note.endswith(
        "as long as wide at 80.0 N, and a network may miss them; cut it into scenes with maps of their own"
    )


@pytest.mark.parametrize(
    ("wkt", "note"),
    [
        (MAPS[0], "it lies on a map (Moon (2015) - Sphere / Ocentric / Equirectangular, clon = 0), which "
         "pixel_coordinates does not use; leave that setting out to get places on the body"),
        ('LOCAL_CS["arbitrary",UNIT["metre",1]]', None),
        ('PROJCS["broken"', None),
    ],
)  # fmt: skip
def test_a_map_that_pixels_leave_out_is_noted(wkt, note):
    limits = PlaceLimits(MOON, 100.0, in_pixels=True)
    on_own_map = Grid(wkt, Affine(100, 0, 0, 0, -100, 0), 10, 10)
    in_pixels = place_projected(Grid(MAPS[0], Affine(100, 0, 0, 0, -100, 0), 10, 10), BANDS, MOON)
    assert placement_warnings(in_pixels, limits) == []
    assert placement_warnings(replace(in_pixels, unused_grid=on_own_map), limits) == [note] * (note is not None)


@pytest.mark.parametrize(
    ("side", "words"), [(1000, None), (3000, "widths are up to 1% off at its lower end"), (28000, "reach around Moon")]
)
def test_images_in_pixels_are_small_against_the_body(side, words):
    limits = PlaceLimits(MOON, 100.0, in_pixels=True)
    placement = place_projected(Grid(MAPS[0], Affine(100, 0, 0, 0, -100, 0), side, side), BANDS, MOON)
    if side == 28000:
        with pytest.raises(OrbitileError, match=words):
            check_placement(placement, limits)
        return
    check_placement(placement, limits)
    notes = placement_warnings(placement, limits)
    assert len(notes) == (words is not None)
    assert all(words in note for note in notes)
