"""Changed images and their truth, on made-up images whose craters are bright squares."""

import numpy as np
import pandas as pd
import pytest
from affine import Affine
from pyproj import CRS

from orbitile.space.ground import Ground
from orbitile.tables.craters import Craters

GSD_M = 100.0
MOON_M = 1737400.0


@pytest.fixture
def module(script):
    """models/image_changes.py, as models/evaluate.py sees it."""
    return script("image_changes")


@pytest.fixture
def tables(module):
    import comparison_tables

    return comparison_tables


BOXES = np.array([(10, 4, 14, 8), (40, 30, 50, 40)])
"""Left, top, right, bottom in pixels."""


def squares(module, crs=None):
    pixels = np.full((60, 80), 100, np.uint8)
    for left, top, right, bottom in BOXES:
        pixels[top:bottom, left:right] = 200
    transform = Affine(GSD_M, 0, 5000, 0, -GSD_M, 9000) if crs else Affine.identity()
    return module.Image("a", pixels, np.ones((60, 80), bool), transform, crs and CRS(crs))


def map_corners(boxes, image):
    """Boxes (xmin, ymin, xmax, ymax) in metres of boxes in pixels."""
    left, top, right, bottom = np.asarray(boxes, float).T
    t = image.transform if image.crs else Affine(GSD_M, 0, 0, 0, -GSD_M, 0)
    return np.column_stack([t.c + t.a * left, t.f + t.e * bottom, t.c + t.a * right, t.f + t.e * top])


@pytest.mark.parametrize("crs", [None, "IAU_2015:30110"])
@pytest.mark.parametrize("name", ["turned", "smaller", "shifted", "brighter", "noise8", "stretched", "times", "flat"])
def test_boxes_go_with_the_pixels(module, name, crs):
    """Where the boxes lie after the change, the changed image is bright, and nowhere else."""
    change = next(change for change in module.CHANGES if change.name == name)
    image = squares(module, crs)
    changed = change.image(image)
    boxes = change.corners(map_corners(BOXES, image), image, GSD_M)
    t = changed.transform if changed.crs else Affine(GSD_M, 0, 0, 0, -GSD_M, 0)
    expected = np.zeros(changed.pixels.shape, bool)
    for xmin, ymin, xmax, ymax in boxes:
        left, right = (xmin - t.c) / t.a, (xmax - t.c) / t.a
        top, bottom = (ymax - t.f) / t.e, (ymin - t.f) / t.e
        expected[round(top) : round(bottom), round(left) : round(right)] = True
    middle = (changed.pixels[expected].mean() + np.median(changed.pixels[changed.valid & ~expected])) / 2
    bright = (changed.pixels > middle) & changed.valid
    differing = (bright != expected).sum()
    assert differing <= (12 if name == "smaller" else 0)


def test_a_turned_map_turns_places_on_the_body(module):
    """The pixel of a place is that of the turned place on the turned image."""
    image = squares(module, "IAU_2015:30115")
    turn = module.HalfTurn("turned", "")
    turned = turn.image(image)
    ground = Ground(image.crs.to_wkt(), MOON_M)
    col, row = np.array([0.5, 47.0, 79.5]), np.array([0.5, 33.0, 12.0])
    lon, lat = ground.lonlat(*(image.transform @ (col, row)))
    moved = turn.lonlat(Craters(np.asarray(lon), np.asarray(lat), np.ones(3)), image.crs)
    new_col, new_row = ~turned.transform @ ground.xy(moved.lon, moved.lat, 0, 0)
    assert new_col == pytest.approx(80 - col, abs=1e-6)
    assert new_row == pytest.approx(60 - row, abs=1e-6)
    assert (turned.pixels[::-1, ::-1] == image.pixels).all()


def test_a_shifted_map_shows_the_same_ground(module):
    """Other coordinates, the same longitudes: only the lattice of tiles lies elsewhere."""
    image = squares(module, "IAU_2015:30115")
    shifted = module.Shift("shifted", "").image(image)
    places = [
        np.array(Ground(of.crs.to_wkt(), MOON_M).lonlat(*(of.transform @ (np.array([10.0]), np.array([20.0])))))
        for of in (image, shifted)
    ]
    assert places[0] == pytest.approx(places[1], abs=1e-9)
    assert shifted.transform.c - image.transform.c == 53 * GSD_M
    assert shifted.transform.f - image.transform.f == -37 * GSD_M


def test_noise_is_the_same_each_time(module):
    change = next(change for change in module.CHANGES if change.name == "noise16")
    first, second = (change.image(squares(module)).pixels for _ in range(2))
    assert (first == second).all()
    assert 14 < np.std(first.astype(float) - squares(module).pixels) < 18


def test_images_are_read_as_they_were_written(module, tmp_path):
    image = module.Shift("shifted", "").image(squares(module, "IAU_2015:30115"))
    image.write(tmp_path / "a.tif")
    read = module.Image.read("a", tmp_path / "a.tif")
    assert (read.pixels == image.pixels).all()
    assert read.transform.almost_equals(image.transform)


def catalogue(*boxes, scene="a"):
    table = pd.DataFrame(boxes, columns=["xmin", "ymin", "xmax", "ymax"], dtype=float)
    return table.assign(scene=scene)


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        ([(0, 0, 10, 10)], [(0, 0, 10, 10)], 0),
        ([(0, 0, 10, 10)], [(0, 0, 10, 20)], 0),  # IoU of exactly 0.5
        ([(0, 0, 10, 10)], [(0, 0, 10, 21)], 1),
        ([(0, 0, 10, 10), (50, 0, 60, 10)], [(0, 0, 10, 10)], 1 / 3),
        ([(0, 0, 10, 10)], [(0, 0, 10, 10), (1, 0, 11, 10)], 1 / 3),
        ([(0, 0, 10, 10)], [], 1),
    ],
)
def test_share_of_changed_rows(tables, first, second, share):
    assert tables.share_of_changed_rows(catalogue(*first), catalogue(*second)) == pytest.approx(share)


def test_rows_of_other_scenes_are_no_partners(tables):
    box = (0, 0, 10, 10)
    assert tables.share_of_changed_rows(catalogue(box), catalogue(box, scene="b")) == 1
