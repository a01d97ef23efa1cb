"""The demo's made-up fractures: they have the width and the depth asked for, and the truth lies in them."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from orbitile.features.labels.burn import BUFFERS_PX
from orbitile.features.labels.read import WIDTH_CLASSES, read_labels

FOLDER = Path(__file__).parents[3] / "demo" / "fractures"
sys.path.insert(0, str(FOLDER))
import carve  # noqa: E402

GSD = 100.0
SIDE = (160, 80)
STRAIGHT = carve.Fracture(np.array([[10.0, 40.5], [80.0, 40.5], [150.0, 40.5]]), 9.0, 0.1, "V", False, "parallel")


def change_of(one, side=SIDE):
    """Change of height of a fracture in a whole scene."""
    where, change = carve.groove(one, side, GSD)
    whole = np.zeros(side[::-1])
    whole[where] = change
    return whole


@given(st.floats(3, 30), st.floats(0.02, 0.2), st.sampled_from("VU"), st.floats(0, np.pi))
def test_a_groove_is_as_deep_and_as_wide_as_asked_for(width, ratio, profile, angle):
    way = 45 * np.array([np.cos(angle), np.sin(angle)])
    path = np.array([[60.5, 60.5] + share * way for share in (-1, 0, 1)])
    whole = change_of(replace(STRAIGHT, path=path, width_px=width, depth_ratio=ratio, profile=profile), (121, 121))
    # The middle of a pixel lies on the path, but up to half a step from the point that stands for it.
    assert -ratio * width * GSD <= whole[60, 60] <= -ratio * width * GSD * (0.99 - carve.STEP_PX / width)
    rows, cols = np.mgrid[0:121, 0:121] - 60
    off, along = (
        np.abs(rows * np.cos(angle) - cols * np.sin(angle)),
        np.abs(cols * np.cos(angle) + rows * np.sin(angle)),
    )
    assert (whole[(along < 5) & (off < width / 2 - 0.6)] < 0).all()
    assert (whole[off > width / 2 + 0.1] == 0).all()


@pytest.mark.parametrize(
    ("profile", "rim", "heights"),  # at 0, 1/2, 1, 1.4 and 1.8 half widths
    [("V", False, [-1, -0.5, 0, 0, 0]), ("U", False, [-1, -0.875, 0, 0, 0]), ("V", True, [-1, -0.5, 0, 0.12, 0])],
)
def test_cross_sections(profile, rim, heights):
    one = replace(STRAIGHT, profile=profile, rim=rim)
    off = np.array([0, 0.5, 1, 1.4, 1.8])
    assert carve.cross_section(one, off) == pytest.approx(heights, abs=1e-12)
    assert carve.cross_section(one, -off) == pytest.approx(heights, abs=1e-12)


@pytest.mark.parametrize("fades", [(True, True), (True, False), (False, False)])
def test_free_ends_fade_and_the_others_do_not(fades):
    along = np.array([0, 13.5, 27, 100, 113, 126.5, 140])  # fades over 27 px
    start = [0, 0.5, 1] if fades[0] else [1, 1, 1]
    end = [1, 0.5, 0] if fades[1] else [1, 1, 1]
    expected = np.sqrt([*start, 1, *end])
    assert carve.strength(replace(STRAIGHT, fades=fades), along) == pytest.approx(expected)


def test_where_fractures_cross_the_deeper_holds():
    down = replace(STRAIGHT, path=np.array([[80.5, 5.0], [80.5, 40.0], [80.5, 75.0]]), depth_ratio=0.2)
    together = carve.carved([STRAIGHT, down], SIDE, GSD)
    assert (together == carve.carved([down, STRAIGHT], SIDE, GSD)).all()
    assert together.min() == pytest.approx(carve.carved([down], SIDE, GSD).min())


def test_the_same_seed_gives_the_same_fractures_and_another_gives_others():
    one, again, other = (carve.fractures(seed, (900, 900)) for seed in (5, 5, 6))
    assert all((a.path == b.path).all() and a.width_px == b.width_px for a, b in zip(one, again, strict=True))
    assert len(one) > 20
    assert len(one) != len(other) or any(a.width_px != b.width_px for a, b in zip(one, other, strict=True))


def test_most_fractures_are_narrow_and_all_within_bounds():
    some = carve.fractures(7, (2500, 2500))
    widths = np.array([one.width_px for one in some])
    assert widths.min() >= 3 and widths.max() <= 40
    assert (widths <= 12).mean() > 0.8
    assert {one.network for one in some} == {"polygonal", "parallel"} and {one.profile for one in some} == {"V", "U"}


def test_patches_keep_apart_and_leave_ground_between_them():
    side = (3072, 3072)
    found = carve.patches(np.random.default_rng(3), side)
    assert len(found) == carve.PATCHES
    for i, one in enumerate(found):
        assert all(np.hypot(*(one.centre - other.centre)) > one.radius + other.radius for other in found[:i])
    cols, rows = np.meshgrid(np.arange(0, 3072, 32), np.arange(0, 3072, 32))
    places = np.column_stack([cols.ravel(), rows.ravel()])
    assert 0.15 < np.any([one.holds(places) for one in found], axis=0).mean() < 0.6


def test_truth_lines_lie_in_their_grooves():
    side, map_ = (900, 900), Affine(GSD, 0, 5000, 0, -GSD, 7000)
    some = carve.fractures(5, side)
    lines = carve.truth(some, map_, "IAU_2015:30110")
    assert len(lines) == len(some)
    for one, shape in zip(some, lines.geometry, strict=True):
        cols, rows = ~map_ @ np.array(shape.segmentize(GSD).coords).T
        seen = (cols >= 0) & (rows >= 0) & (cols < side[0]) & (rows < side[1])
        depth = -change_of(one, side)[np.floor(rows[seen]).astype(int), np.floor(cols[seen]).astype(int)]
        assert (depth > 0).all() and (depth.size == 0 or np.median(depth) > 0.25 * one.depth_ratio * one.width_px * GSD)


@pytest.mark.parametrize(
    ("width", "word"),
    [(3, "tiny"), (4.99, "tiny"), (5, "small"), (10, "medium"), (19.9, "medium"), (20, "large"), (30, "huge")],
)
def test_words(width, word):
    assert carve.word_of(width) == word and word in WIDTH_CLASSES


@given(st.integers(0, 3), st.floats(0, 360), st.integers(25, 55))
def test_the_sun_is_found_again(seed, azimuth, altitude):
    height = 40 * np.random.default_rng(seed).normal(size=(60, 60)).cumsum(axis=0)
    sun = carve.Sun(azimuth, altitude, 300.0, -4.0)
    shade = np.clip(np.round(sun.grey(height, GSD)), 1, 255)
    found, correlation = carve.sun_of(height, shade, GSD, azimuth)
    assert abs(found.altitude - altitude) <= 2 and correlation > 0.99
    assert found.grey(height, GSD) == pytest.approx(sun.grey(height, GSD), abs=12)


@pytest.mark.parametrize(("azimuth", "brighter"), [(0, "south"), (90, "west"), (180, "north"), (270, "east")])
def test_the_wall_that_faces_the_sun_is_bright(azimuth, brighter):
    pit = 50.0 * np.hypot(*np.mgrid[-5:6, -5:6])
    cosine = carve.Sun(azimuth, 30).cosine(pit, GSD)
    walls = dict(north=cosine[2, 5], south=cosine[8, 5], west=cosine[5, 2], east=cosine[5, 8])
    assert max(walls, key=walls.get) == brighter
    assert carve.Sun(azimuth, 30).cosine(np.zeros((3, 3)), GSD) == pytest.approx(0.5)


def test_untouched_terrain_keeps_its_grey_values():
    shade = np.random.default_rng(1).integers(1, 256, SIDE[::-1]).astype(np.uint8)
    change = change_of(STRAIGHT)
    pixels = carve.fractured(shade, np.zeros(SIDE[::-1]), change, carve.Sun(30, 30, 300.0), GSD)
    touched = np.zeros(shape=change.shape, dtype=bool)
    touched[34:48, 8:153] = True
    assert (pixels[~touched] == shade[~touched]).all() and (pixels[touched] != shade[touched]).mean() > 0.4
    assert pixels.min() >= 1


def test_what_is_shipped_belongs_together(moon):
    labels = read_labels(FOLDER / "truth_B.gpkg", moon)
    with rasterio.open(FOLDER / "fractured_B_west.tif") as west, rasterio.open(FOLDER / "fractured_B_east.tif") as east:
        assert (west.width + east.width, west.height, east.height) == (3072, 3072, 3072)
        assert west.bounds.right == pytest.approx(east.bounds.left, abs=1e-3) and west.crs == east.crs
    shapes = labels.layers[0].geometry
    crossing = [shape for shape in shapes if shape.bounds[0] < west.bounds.right < shape.bounds[2]]
    assert (len(labels), len(crossing)) == (1127, 38)
    assert set(BUFFERS_PX) == {WIDTH_CLASSES[i] for i in labels.layers[0].width_class}
