"""Which scenes are pieces of one mosaic; all of them made up."""

from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from orbitile.space.grids import Grid
from orbitile.space.mosaics import LendingNeighbour, LendingRules, lending_neighbours

MOON_M = 1737400.0
SIDE = 200
AROUND = 3600
"""Columns around the body."""
STEP_M = 2 * np.pi * MOON_M / AROUND
AUTO = LendingRules("auto", margin_m=5 * STEP_M, multiple_px=4)


def scene(col, row, width=SIDE, height=SIDE, crs="IAU_2015:30110", step=STEP_M):
    """A scene whose first pixel is in a column and row of a map."""
    transform = Affine(step, 0, col * step, 0, -step, -row * step)
    return Grid(CRS(crs).to_wkt(), transform, width, height)


def lenders(grids, lending=AUTO):
    """For each scene the names of those that lend it pixels, joined; None for scenes that stand alone."""
    neighbours = lending_neighbours(grids, lending)
    assert list(neighbours) == list(grids)
    return {
        name: lent if lent is None else "".join(lender.scene for lender in lent) for name, lent in neighbours.items()
    }


NINE = {name: scene(SIDE * (number % 3), SIDE * (number // 3)) for number, name in enumerate("abcdefghi")}


def test_nine_pieces_of_a_mosaic():
    assert lenders(NINE) == dict(
        a="bde", b="acdef", c="bef", d="abegh", e="abcdfghi", f="bcehi", g="deh", h="defgi", i="efh"
    )
    assert {lender.longitude_wraps for lent in lending_neighbours(NINE, AUTO).values() for lender in lent} == {0}


def test_pieces_that_meet_at_a_corner():
    assert lenders(dict(a=scene(0, 0), b=scene(SIDE, SIDE))) == dict(a="b", b="a")


def test_the_order_of_scenes_does_not_matter():
    assert lending_neighbours(dict(reversed(NINE.items())), AUTO) == lending_neighbours(NINE, AUTO)


@pytest.mark.parametrize(
    ("seam", "expected"), [(0, dict(a="b", b="a")), (4, dict(a="b", b="a")), (5, dict(a=None, b=None))]
)
def test_pieces_may_overlap_by_a_seam(seam, expected):
    """Of 2 % of their sides; what overlaps more is another image of the same place."""
    assert lenders(dict(a=scene(0, 0), b=scene(SIDE - seam, 0))) == expected


def test_a_seam_is_measured_by_the_shorter_side():
    assert lenders(dict(a=scene(0, 0), b=scene(SIDE - 4, 0, width=100))) == dict(a=None, b=None)


def test_an_image_over_two_pieces_leaves_three_images():
    """None of them can be told from the other."""
    grids = dict(a=scene(0, 0), b=scene(SIDE, 0), c=scene(SIDE // 2, 0), d=scene(-SIDE, 0), e=scene(-2 * SIDE, 0))
    assert lenders(grids) == dict(a=None, b=None, c=None, d="e", e="d")


@pytest.mark.parametrize(
    "neighbour",
    [
        pytest.param(scene(SIDE, 0, crs="IAU_2015:30115"), id="another map"),
        pytest.param(scene(SIDE, 0, step=STEP_M * 1.001), id="another pixel size"),
        pytest.param(scene(SIDE + 0.5, 0), id="half a pixel to the right"),
        pytest.param(scene(SIDE, 0.5), id="half a pixel down"),
        pytest.param(scene(SIDE + 1, 0), id="a gap of a pixel"),
        pytest.param(scene(SIDE // 2, SIDE // 2), id="an overlapping image"),
        pytest.param(scene(0, 0), id="the same place"),
        pytest.param(scene(2 * SIDE, 0), id="far away"),
    ],
)
def test_scenes_that_stand_alone(neighbour):
    assert lenders(dict(a=scene(0, 0), b=neighbour)) == dict(a=None, b=None)


@pytest.mark.parametrize("shift", [0.5, 1 / 3, -0.2])
def test_pieces_need_not_lie_on_whole_pixels(shift):
    assert lenders(dict(a=scene(shift, shift), b=scene(SIDE + shift, shift))) == dict(a="b", b="a")


@pytest.mark.parametrize(("gap", "expected"), [(4, "ac"), (6, "a")])
def test_pieces_lend_as_far_as_tiles_look(gap, expected):
    """Two pairs of pieces with a gap between; tiles look 5 pixels far."""
    right = 2 * SIDE + gap
    grids = dict(a=scene(0, 0), b=scene(SIDE, 0), c=scene(right, 0), d=scene(right + SIDE, 0))
    assert lenders(grids)["b"] == expected


@pytest.mark.parametrize("margin_m", [0.0, 3 * SIDE * STEP_M])
def test_the_margin_is_how_far_tiles_reach(margin_m):
    everyone = len(NINE) - 1
    neighbours = lenders(NINE, replace(AUTO, margin_m=margin_m))
    assert {len(lent) for lent in neighbours.values()} == ({3, 5, 8} if margin_m == 0 else {everyone})


APART = dict(a=scene(0, 0), b=scene(SIDE // 2, 0), c=scene(9 * SIDE, 0))


@pytest.mark.parametrize(
    ("margin", "expected"),
    [
        ("auto", dict(a=None, b=None, c=None)), ("never", dict(a=None, b=None, c=None)),
        ("always", dict(a="b", b="a", c="")),
    ],
)  # fmt: skip
def test_margins_of_overlapping_images(margin, expected):
    assert lenders(APART, replace(AUTO, margin=margin)) == expected


def test_margins_that_nobody_wants():
    assert set(lenders(NINE, replace(AUTO, margin="never")).values()) == {None}


WEST, EAST = scene(-AROUND // 2, 0), scene(AROUND // 2 - SIDE, 0)


def test_pieces_across_the_antimeridian():
    neighbours = lending_neighbours(dict(east=EAST, west=WEST), AUTO)
    assert neighbours == dict(east=[LendingNeighbour("west", 1)], west=[LendingNeighbour("east", -1)])


def test_two_halves_of_the_body_meet_twice():
    neighbours = lending_neighbours(dict(east=scene(0, 0, AROUND // 2), west=scene(-AROUND // 2, 0, AROUND // 2)), AUTO)
    assert neighbours == dict(east=[LendingNeighbour("west", 0), LendingNeighbour("west", 1)],
                         west=[LendingNeighbour("east", -1), LendingNeighbour("east", 0)])  # fmt: skip


@pytest.mark.parametrize(
    ("change", "multiple_px"), [(dict(), 7), (dict(step=STEP_M * 1.0001), 4), (dict(crs="IAU_2015:30130"), 4)]
)
def test_no_turn_around_the_body(change, multiple_px):
    """Coarser pixels do not fit, nor do pixels at all, or the map is a polar one."""
    grids = dict(east=scene(AROUND // 2 - SIDE, 0, **change), west=scene(-AROUND // 2, 0, **change))
    assert lenders(grids, replace(AUTO, multiple_px=multiple_px)) == dict(east=None, west=None)


columns = st.integers(0, 12).map(lambda n: 25 * n)


@given(
    st.lists(st.tuples(columns, columns, st.sampled_from([50, 100])), max_size=8), st.sampled_from(["auto", "always"])
)
def test_who_lends_borrows(places, margin):
    grids = {str(number): scene(col, row, side, side) for number, (col, row, side) in enumerate(places)}
    neighbours = lending_neighbours(grids, replace(AUTO, margin=margin))
    for name, lent in neighbours.items():
        for lender, wraps in lent or []:
            assert LendingNeighbour(name, -wraps) in neighbours[lender]


def test_no_scenes():
    assert lending_neighbours({}, AUTO) == {}


@pytest.mark.parametrize(("width", "expected"), [(AROUND, [("a", -1), ("a", 1)]), (AROUND - 1, None)])
def test_a_scene_around_the_whole_body_is_its_own_neighbour(width, expected):
    assert lending_neighbours({"a": scene(-AROUND // 2, 0, width=width)}, AUTO) == {"a": expected}
