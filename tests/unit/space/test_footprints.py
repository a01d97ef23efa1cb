import numpy as np
import pytest
from affine import Affine
from hypothesis import example, given
from hypothesis import strategies as st
from pyproj import CRS

from orbitile.space.footprints import POINTS_PER_SIDE, close_pairs, grid_outline, least_distance
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, distance, unit_vectors

MOON_M = 1737400.0
DEGREE_M = MOON_M * np.pi / 180


def footprint(west, south, east, north, crs="IAU_2015:30110"):
    """The outline of a made-up scene between bounds in degrees of its map."""
    wkt = CRS(crs).to_wkt()
    transform = Affine(DEGREE_M / 10, 0, west * DEGREE_M, 0, -DEGREE_M / 10, north * DEGREE_M)
    return grid_outline(Grid(wkt, transform, (east - west) * 10, (north - south) * 10), Ground(wkt, MOON_M))


def polar(half_side, crs="IAU_2015:30130"):
    """The outline of a made-up scene around a pole, in a polar stereographic map."""
    return footprint(-half_side, -half_side, half_side, half_side, crs)


def test_outline_follows_the_border():
    lon, lat = footprint(10, 20, 18, 28)
    n = POINTS_PER_SIDE
    assert len(lon) == len(lat) == 4 * n
    assert lon[[0, n, 2 * n, 3 * n]] == pytest.approx([10, 18, 18, 10])
    assert lat[[0, n, 2 * n, 3 * n]] == pytest.approx([28, 28, 20, 20])
    assert np.hypot(np.diff(lon), np.diff(lat)) == pytest.approx(1)


def test_outline_is_wrapped():
    lon, _ = footprint(176, 0, 184, 8)
    assert lon.min() >= -180
    assert lon.max() < 180
    assert lon[POINTS_PER_SIDE] == pytest.approx(-176)


@pytest.mark.parametrize(
    ("first", "second", "reach_deg", "close"),
    [
        pytest.param(footprint(0, 0, 5, 5), footprint(0, 0, 5, 5), 0.0, True, id="the same"),
        pytest.param(footprint(0, 0, 5, 5), footprint(5, 0, 9, 5), 0.01, True, id="a shared side"),
        pytest.param(footprint(0, 0, 5, 5), footprint(5, 5, 9, 9), 0.01, True, id="a shared corner"),
        pytest.param(footprint(0, 0, 9, 9), footprint(3, 3, 5, 5), 0.0, True, id="one inside the other"),
        pytest.param(footprint(0, 0, 5, 5), footprint(7, 0, 9, 5), 2.1, True, id="within reach"),
        pytest.param(footprint(0, 0, 5, 5), footprint(7, 0, 9, 5), 1.9, False, id="out of reach"),
        pytest.param(footprint(0, 60, 5, 65), footprint(9, 60, 12, 65), 2.1, True, id="within reach at 60 N"),
        pytest.param(footprint(0, 0, 5, 5), footprint(180, 0, 185, 5), 5.0, False, id="antipodes"),
        pytest.param(footprint(170, 0, 180, 5), footprint(-180, 0, -170, 5), 0.01, True, id="antimeridian"),
        pytest.param(footprint(175, 0, 182, 5), footprint(-179, 0, -170, 5), 0.0, True, id="across the antimeridian"),
        pytest.param(
            footprint(170, 0, 180, 5), footprint(0, 0, 5, 5, "IAU_2015:30115"), 0.01, True, id="another map's middle"
        ),
        pytest.param(polar(5), footprint(-180, 80, 180, 90), 0.0, True, id="pole in two maps"),
        pytest.param(polar(5), footprint(40, 80, 50, 84), 0.0, True, id="pole and its edge"),
        pytest.param(polar(5), footprint(40, 70, 50, 75), 1.0, False, id="far from the pole"),
        pytest.param(polar(5), polar(5, "IAU_2015:30135"), 5.0, False, id="two poles"),
        pytest.param(footprint(-180, -90, 180, 90), footprint(-5, -5, 5, 5), 0.0, True, id="world and a scene in it"),
        pytest.param(footprint(-120, -60, 120, 60), footprint(-5, -5, 5, 5), 0.0, True, id="wider than a hemisphere"),
        pytest.param(footprint(-180, 60, 180, 90), footprint(20, 50, 25, 62), 0.0, True, id="cap and a scene over it"),
    ],
)
def test_close_pairs(first, second, reach_deg, close):
    assert close_pairs([first, second], np.radians(reach_deg), "ab") == [(0, 1)] * close


def test_pairs_are_sorted():
    """Made-up scenes in a row, out of order."""
    row = [footprint(west, 0, west + 4, 4) for west in (8, 0, 12, 4)]
    assert close_pairs(row, np.radians(0.1), "abcd") == [(0, 2), (0, 3), (1, 3)]


@pytest.mark.parametrize("outlines", [[], [footprint(0, 0, 1, 1)]])
def test_few_scenes_have_no_pairs(outlines):
    assert close_pairs(outlines, 1.0, "a" * len(outlines)) == []


@st.composite
def places(draw):
    """A made-up scene as bounds in degrees: from small to one of half the body, on the antimeridian, on a pole."""
    width, height = draw(st.sampled_from([(1, 1), (10, 5), (3, 20), (40, 30), (180, 90), (360, 180)]))
    west, south = draw(st.integers(-180, 180)), draw(st.integers(-90, 90 - height))
    return west, south, west + width, south + height


shares = st.floats(0, 1)


@given(st.lists(places(), min_size=1, max_size=4), st.floats(-180, 180), st.floats(-90, 90), shares, shares)
@example([(-180, -90, 180, 90)], 0.0, 0.0, 0.5, 0.5)
def test_footprints_are_not_nearer_than_the_least_distance(scenes, lon, lat, across, up):
    """Any place in any of the scenes is at least as far away."""
    bound = least_distance(unit_vectors(np.array([lon]), np.array([lat])), [footprint(*scene) for scene in scenes])[0]
    for west, south, east, north in scenes:
        inside = west + across * (east - west), south + up * (north - south)
        assert bound <= distance(lon, lat, *inside) + 1e-9


def test_least_distances_tell_near_from_far():
    """Scenes of 2 x 2 degrees, whose corners are 1.41 degrees from their middles."""
    points = unit_vectors(np.array([1, 4, 21, -178]), np.array([1, 1, 1, 1]))
    distances_deg = np.degrees(least_distance(points, [footprint(0, 0, 2, 2), footprint(20, 0, 22, 2)]))
    assert distances_deg == pytest.approx([-1.42, 1.58, -1.42, 159.48], abs=0.02)
