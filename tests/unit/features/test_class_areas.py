"""Areas of pixels on the sphere, and polygons of label images that fill them."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mask_runs import MOON, Lattice

from orbitile.features.class_areas import ClassTally, PixelAreas
from orbitile.features.shapes.ground import PIXEL_EDGE_PX
from orbitile.features.shapes.ground import Lattice as GroundLattice
from orbitile.features.shapes.polygons import PieceLayers, mask_polygons
from orbitile.space.grids import Window

labels = arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.integers(0, 3))
PLACES = {
    0: Lattice(gsd_m=100.0),
    60: Lattice(gsd_m=100.0, row=-18194),
    85: Lattice("IAU_2015:30130", 100.0, 100, -1516),
}


def degrees(mask, lattice):
    polygons = mask_polygons(PieceLayers(mask), 0, 0).polygons
    return GroundLattice.of(lattice.grid(Window(0, 0, 9, 9)), MOON.radius_m).to_lonlat(polygons, PIXEL_EDGE_PX)


@settings(max_examples=25, deadline=None)
@given(labels, st.sampled_from(sorted(PLACES)))
def test_polygons_of_classes_fill_the_image(image, latitude):
    """Without gap or overlap, on the ground as on the lattice: the union is as large as all polygons."""
    shapes = np.concatenate([degrees(image == number, PLACES[latitude]) for number in range(4)])
    union = shapely.union_all(shapes)
    assert union.area == pytest.approx(shapely.area(shapes).sum(), rel=1e-9)
    (whole,) = degrees(np.ones(image.shape, bool), PLACES[latitude])
    assert shapely.symmetric_difference(union, whole).area < 1e-9 * whole.area
    assert union.geom_type == "Polygon"


@pytest.mark.parametrize("latitude", [0, 45, 60, 85, 89.9])
@pytest.mark.parametrize("gsd_m", [1.0, 100.0, 20000.0])
def test_pixels_of_equal_degrees(latitude, gsd_m):
    """On the equirectangular map the area of a pixel is R^2 times its longitude times the difference of sines."""
    step = gsd_m / MOON.radius_m
    row = -int(np.radians(latitude) / step)
    grid = Lattice(gsd_m=gsd_m, row=row).grid(Window(0, 0, 20, 30))
    top = -(row + np.arange(31)) * step
    exact = MOON.radius_m**2 * step * -np.diff(np.sin(np.clip(top, -np.pi / 2, np.pi / 2)))
    on_body = (top[:-1] <= np.pi / 2) & (top[1:] >= -np.pi / 2)
    found = PixelAreas(grid, MOON.radius_m).of_window(Window(0, 0, 20, 30), np.ones((30, 20), bool))
    assert found[on_body] == pytest.approx(np.repeat(exact[on_body, None], 20, axis=1), rel=1e-3)


def test_windows_and_scenes_of_a_lattice_have_the_same_areas():
    grid = PLACES[85].grid(Window(0, 0, 50, 40))
    whole = PixelAreas(grid, MOON.radius_m).of_window(Window(0, 0, 50, 40), np.ones((40, 50), bool))
    other = PixelAreas(PLACES[85].grid(Window(7, 5, 30, 30)), MOON.radius_m)
    part = other.of_window(Window(2, 3, 10, 9), np.ones((9, 10), bool))
    assert part == pytest.approx(whole[8:17, 9:19], rel=1e-9)


def test_a_tally_by_hand():
    tally, areas = ClassTally(3), np.array([[1.0, 2.0], [4.0, 8.0]])
    valid = np.array([[True, True], [True, False]])
    tally.add(np.array([[0, 2], [2, 1]], np.uint8), areas, valid, valid & np.array([[True, False], [True, True]]))
    assert (tally.pixels.tolist(), tally.area_m2.tolist(), tally.single_m2.tolist()) == (
        [1, 0, 2],
        [1, 0, 6],
        [1, 0, 4],
    )
