"""What the benchmark of projections paints and judges."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from orbitile.space.grids import Grid, Window

SPEC = importlib.util.spec_from_file_location("strips", Path(__file__).parents[3] / "benchmarks" / "strips.py")
GRID = Grid(CRS("IAU_2015:30110").to_wkt(), Affine(1.5, 0, 0, 0, -1.5, 0), 40, 90)


@pytest.fixture(scope="module")
def strips():
    module = importlib.util.module_from_spec(SPEC)
    SPEC.loader.exec_module(module)
    return module


def test_pixels_hold_the_place_that_the_camera_sees(strips):
    """Between the rays that are cast, too."""
    strip = strips.Strip.of(500)
    rows = np.array([0, 17, 499])
    painted = strip.painted(rows)
    cols = np.array([0, 31, 32, 2500, strips.WIDTH - 1])
    expected = strip.grid.to_pixel(*np.moveaxis(strip.lattice(cols + 0.5, rows + 0.5), -1, 0))
    middle = np.array([strip.grid.width, strip.grid.height]) / 2
    found = painted[..., cols] + middle[:, None, None]
    assert painted.shape == (2, 3, strips.WIDTH)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def blocks(values, valid, height):
    for row in range(0, len(values), height):
        part = slice(row, row + height)
        yield Window(0, row, values.shape[1], len(values[part])), values[part], valid[part]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("height", [10, 33, 90])
@pytest.mark.parametrize("shift", [0, 0.25])
def test_offsets_are_judged_all_but_at_the_border(strips, axis, height, shift):
    """Wrong values within three pixels of what is not valid do not count, one in the middle does."""
    col, row = np.meshgrid(np.arange(40) + 0.5 - 20, np.arange(90) + 0.5 - 45)
    values, valid = (col, row)[axis] + shift, np.ones(col.shape, bool)
    valid[:, :5] = False
    values[:, 5:8] = 1000
    values[0:3] = 1000
    offsets = strips.Offsets(GRID, axis)
    offsets.feed(blocks(values, valid, height))
    assert (offsets.worst, offsets.count) == (shift, (90 - 6) * (35 - 6))
    assert offsets.squares == pytest.approx(shift**2 * offsets.count)
    values[40, 20] += 3
    wrong = strips.Offsets(GRID, axis)
    wrong.feed(blocks(values, valid, height))
    assert wrong.worst == 3 + shift
