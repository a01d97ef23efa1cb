"""Scale bars and graticules: right lengths and places in all maps, whatever lies under them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from orbitile.pictures.map_frame import LEAST_LINES, MapFrame, bar_length_m, draw_map_frame, graticule_lines
from orbitile.space.ground import Ground

MOON_M = 1737400.0
DEGREE_M = MOON_M * np.pi / 180
MAPS = {
    "equirectangular": "IAU_2015:30110", "north": "IAU_2015:30130", "south": "IAU_2015:30135",
    "sinusoidal": "+proj=sinu +R=1737400 +lon_0=0", "over 180 E": "+proj=eqc +R=1737400 +lon_0=180",
}  # fmt: skip


@pytest.fixture
def framed():
    """A picture of 800 px of a part of a map of the Moon: west, east, south, north in metres."""
    figures = []

    def make(crs, bounds, size_px=(800, 800)):
        west, east, south, north = bounds
        figure, axes = plt.subplots()
        figures.append(figure)
        axes.set(xlim=(west, east), ylim=(south, north))
        ground = Ground(CRS.from_user_input(MAPS[crs]).to_wkt(), MOON_M)
        middle = (west + east) / 2, (south + north) / 2

        def same(x, y):
            return x, y

        return MapFrame(axes, ground, middle, same, same, (west, east, south, north), size_px)

    yield make
    for figure in figures:
        plt.close(figure)


@given(st.floats(1e-2, 1e8))
def test_a_scale_bar_has_a_round_length_that_fits(most):
    length = bar_length_m(most)
    assert most / 2.5 < length * (1 + 1e-6)
    assert length <= most * (1 + 1e-6)
    assert f"{length:.6e}"[0] in "125"


@pytest.mark.parametrize(("most", "length"), [(1, 1), (1.9, 1), (2, 2), (49, 20), (50, 50), (999, 500), (1000, 1000)])
def test_lengths_of_scale_bars(most, length):
    assert bar_length_m(most) == pytest.approx(length)


def test_the_scale_is_that_of_the_ground_and_not_of_the_map(framed):
    """At 60 degrees a degree of longitude is half as wide as at the equator, in an equirectangular map, too."""
    equator = framed("equirectangular", (0, 10 * DEGREE_M, -5 * DEGREE_M, 5 * DEGREE_M))
    north = framed("equirectangular", (0, 10 * DEGREE_M, 55 * DEGREE_M, 65 * DEGREE_M))
    assert equator.width_m == pytest.approx(10 * DEGREE_M, rel=1e-3)
    assert north.width_m == pytest.approx(5 * DEGREE_M, rel=1e-3)


def test_lines_lie_where_their_degrees_are(framed):
    frame = framed("equirectangular", (0, 10 * DEGREE_M, 0, 10 * DEGREE_M))
    lines = list(graticule_lines(frame))
    meridians = {line.degrees: line.shares for line in lines if line.is_meridian}
    assert set(meridians) == {0, 2, 4, 6, 8, 10}
    assert np.nanmax(np.abs(meridians[4][:, 0] - 0.4)) < 1e-6
    parallels = {line.degrees: line.shares for line in lines if not line.is_meridian}
    assert np.nanmax(np.abs(parallels[6][:, 1] - 0.6)) < 1e-6


@pytest.mark.parametrize("crs", ["north", "south"])
def test_around_a_pole_meridians_meet_in_its_middle(framed, crs):
    reach = 10 * DEGREE_M
    lines = list(graticule_lines(framed(crs, (-reach, reach, -reach, reach))))
    meridians = [line for line in lines if line.is_meridian]
    assert len(meridians) >= LEAST_LINES
    nearest = [np.nanmin(np.hypot(*(line.shares - 0.5).T)) for line in meridians]
    assert max(nearest) < 0.05
    assert all(abs(line.degrees) < 90 for line in lines if not line.is_meridian)


def test_over_180_degrees_the_names_go_on(framed):
    frame = framed("over 180 E", (-10 * DEGREE_M, 10 * DEGREE_M, -5 * DEGREE_M, 5 * DEGREE_M))
    texts = [line.text for line in graticule_lines(frame) if line.is_meridian]
    assert texts == ["170° E", "175° E", "180°", "175° W", "170° W"]


@pytest.mark.parametrize("crs", MAPS)
@pytest.mark.parametrize("size_deg", [0.02, 1, 60])
def test_every_map_is_drawn_with_a_bar(framed, crs, size_deg):
    half = size_deg / 2 * DEGREE_M
    frame = framed(crs, (-half, half, -half, half))
    draw_map_frame(frame)
    texts = [text.get_text() for text in frame.axes.texts]
    assert texts[-1].endswith("m")
    assert len(texts) > 3


def test_without_a_place_on_the_body_there_is_a_bar_alone(framed):
    frame = framed("equirectangular", (0, 10 * DEGREE_M, 0, 10 * DEGREE_M))
    draw_map_frame(frame, graticule=False)
    assert [text.get_text() for text in frame.axes.texts] == ["50 km"]


def test_small_pictures_stay_as_they_are(framed):
    frame = framed("equirectangular", (0, 10 * DEGREE_M, 0, 10 * DEGREE_M), (800, 200))
    draw_map_frame(frame)
    assert not frame.axes.texts
