"""What lies around scenes. All of them are made up, and empty."""

from dataclasses import replace

import numpy as np
import pytest

from orbitile.base.errors import OrbitileError
from orbitile.rasters.mosaic import RasterPart
from orbitile.space.grids import Window
from orbitile.tables.rasters import RasterTables, Surroundings, write_rasters

STEP_M = 2 * np.pi * 1737400 / 3600
"""3600 columns go around the Moon."""
ALL_AROUND = Window(-3, -3, 16, 14)


@pytest.fixture
def scene(raster):
    """A raster of 10 x 8 pixels whose first pixel lies in a column and row of the map."""

    def make(name, col, row=0, lenders="", longitude_wraps=None, factor=1):
        step = STEP_M * factor
        row = raster(np.ones((8, 10), np.uint8), name, step, left=col * step, top=-row * step)
        return replace(
            row, in_mosaic=True, lenders=list(lenders), longitude_wraps=longitude_wraps or [0] * len(lenders)
        )

    return make


@pytest.fixture
def around(tmp_path):
    """The surroundings of a group's rasters, with those of other groups."""

    def make(own, *others):
        paths = [str(tmp_path / f"{number}.parquet") for number in range(1 + len(others))]
        for rows, path in zip((own, *others), paths, strict=True):
            write_rasters(rows, path)
        return Surroundings(RasterTables(paths[0], paths[1:]))

    return make


def places(parts):
    """Scenes and places of parts: name, column, row."""
    return [(part.path.split("/")[-1][0], part.col, part.row) for part in parts]


def test_a_scene_that_stands_alone(scene, around):
    row = scene("a", 5)
    assert around([row]).parts(row, ALL_AROUND) == [RasterPart(row.path, 0, 0, 10, 8)]


def test_neighbours_in_the_group_and_beside_it(scene, around):
    a, b, c = scene("a", 5, 3, "bcd"), scene("b", 15, 3), scene("c", -5, 3)
    assert places(around([a, b], [c]).parts(a, ALL_AROUND)) == [("a", 0, 0), ("b", 10, 0), ("c", -10, 0)]


def test_scenes_that_are_no_neighbours_lend_nothing(scene, around):
    a, b, c = scene("a", 5, 3, "c"), scene("b", 15, 3), scene("c", -5, 3)
    assert places(around([a, b, c]).parts(a, ALL_AROUND)) == [("a", 0, 0), ("c", -10, 0)]


def test_a_neighbour_that_failed_lends_nothing(scene, around):
    a, b = scene("a", 5, 3, "bc"), scene("b", 15, 3)
    assert places(around([a], [b]).parts(a, ALL_AROUND)) == [("a", 0, 0), ("b", 10, 0)]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (Window(0, 0, 10, 8), "a"), (Window(-1, 0, 4, 8), "ac"), (Window(0, 0, 11, 8), "ab"),
        (Window(0, 7, 10, 2), "ad"), (Window(-1, -1, 12, 10), "abcd"),
    ],
)  # fmt: skip
def test_only_neighbours_that_a_window_reaches(scene, around, window, expected):
    rows = [scene("a", 5, 3, "bcd"), scene("b", 15, 3), scene("c", -5, 3), scene("d", 5, 11)]
    assert "".join(name for name, _, _ in places(around(rows).parts(rows[0], window))) == expected


def test_neighbours_of_another_scale_are_others(scene, around):
    a, b = scene("a", 5, 3, "b"), scene("b", 15, 3)
    coarse = scene("a", 2, 1, "b", factor=2)
    assert places(around([a, coarse], [b]).parts(coarse, ALL_AROUND)) == [("a", 0, 0)]


@pytest.mark.parametrize("factor", [1, 4])
def test_neighbours_across_the_antimeridian(scene, around, factor):
    last = 1800 // factor - 10
    east = scene("e", last, lenders="w", longitude_wraps=[1], factor=factor)
    west = scene("w", -1800 // factor, lenders="e", longitude_wraps=[-1], factor=factor)
    found = around([east], [west])
    assert places(found.parts(east, ALL_AROUND)) == [("e", 0, 0), ("w", 10, 0)]
    assert places(found.parts(west, ALL_AROUND)) == [("w", 0, 0), ("e", -10, 0)]


def test_a_raster_beside_that_has_gone_is_named(scene, around, tmp_path):
    a, b = scene("a", 5, 3, "b"), scene("b", 15, 3)
    with pytest.raises(OrbitileError, match=r"1\.parquet: its file gone\.tif is missing"):
        around([a], [replace(b, path="gone.tif")])
