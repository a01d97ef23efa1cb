"""Putting crops of Europa back together: made-up mosaics are cut up, and must come back."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from orbitile.features.labels.burn import grid_labels
from orbitile.features.labels.read import LabelFields, read_labels
from orbitile.rasters.read import raster_grid
from orbitile.space.bodies import find_body

sys.path.insert(0, str(Path(__file__).parents[3] / "demo" / "europa"))
import prepare

SIZE, STEP = 30, 10


def mosaic(seed):
    """Pixels (50, 40), and rectangular plates apart from each other (top, left, height, width)."""
    rng = np.random.default_rng(seed)
    plates = [(12 * i + 1 + rng.integers(3), 12 * j + 1 + rng.integers(3), *rng.integers(2, 9, 2))
              for i in range(4) for j in range(3)]  # fmt: skip
    return rng.integers(0, 256, (50, 40)).astype(np.uint8), plates


def cut(pixels, plates, col, row):
    """A crop as the published ones are made: plates that its border cuts are left out, the others numbered anew."""
    instances = np.zeros((SIZE, SIZE), np.uint16)
    for number, (top, left, height, width) in enumerate(plates, 1):
        top, left = top - row, left - col
        if top > 0 and left > 0 and top + height < SIZE and left + width < SIZE:
            instances[top : top + height, left : left + width] = number + col
    return prepare.Crop(700 + col, 1100 + row, pixels[row : row + SIZE, col : col + SIZE], instances)


def crops_of(pixels, plates):
    return [cut(pixels, plates, col, row) for col in (0, STEP) for row in (0, STEP, 2 * STEP)]


@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_crops_are_put_together_whatever_their_order(seed, random):
    pixels, plates = mosaic(seed)
    crops = crops_of(pixels, plates)
    random.shuffle(crops)
    region = prepare.put_together(crops)
    assert (region.pixels == pixels).all() and region.covered.all()
    whole = [p for p in plates if any(cut(pixels, [p], c.col - 700, c.row - 1100).instances.any() for c in crops)]
    assert [(row, col, *mask.shape) for row, col, mask in region.plates] == sorted(map(tuple, whole))
    expected = np.zeros(pixels.shape, bool)
    for top, left, height, width in whole:
        expected[top : top + height, left : left + width] = True
    assert (prepare.union(region) == expected).all()


def test_what_no_crop_covers_is_told():
    pixels, plates = mosaic(1)
    crops = [cut(pixels, plates, 0, 0), cut(pixels, plates, STEP, 2 * STEP)]
    covered = prepare.put_together(crops).covered
    assert not covered[:20, 30:].any() and not covered[30:, :10].any() and covered.sum() == 2 * 900 - 200


def test_crops_that_do_not_agree_are_refused():
    pixels, plates = mosaic(2)
    crops = crops_of(pixels, plates)
    other = crops[3].pixels.copy()
    other[15, 15] ^= 1
    with pytest.raises(ValueError, match=r"the crop at .* does not agree with those it overlaps"):
        prepare.put_together([*crops[:3], crops[3]._replace(pixels=other)])


def test_a_crop_that_lacks_a_plate_inside_of_it_is_refused():
    pixels, _ = mosaic(3)
    crops = crops_of(pixels, [(14, 14, 5, 5)])
    with pytest.raises(ValueError, match="lacks the plate at 14, 14"):
        prepare.put_together([crops[0], crops[1]._replace(instances=np.zeros_like(crops[1].instances))])


def test_files_become_images_and_polygons_that_are_burnt_as_they_were_drawn(tmp_path, capsys):
    for region, (seed, folder) in dict(Co=(4, "train"), gg=(5, "train"), dd=(6, "test")).items():
        (tmp_path / folder).mkdir(exist_ok=True)
        for i, crop in enumerate(crops_of(*mosaic(seed))):
            name = str(tmp_path / folder / f"{region}_{crop.col}_{crop.row}_{i}")
            cv2.imwrite(f"{name}_image.png", crop.pixels)
            cv2.imwrite(f"{name}_instances.png", crop.instances)
    prepare.main(str(tmp_path), str(tmp_path / "out"))
    assert "dd: 40 x 50 px" in capsys.readouterr().out
    fields = LabelFields(class_field="class", classes=(prepare.CLASS,))
    for region, seed in dict(Co=4, gg=5, dd=6).items():
        with rasterio.open(tmp_path / "out" / f"{region}.tif") as image:
            grid = raster_grid(image)
            assert (image.read(1) == np.maximum(mosaic(seed)[0], 1)).all() and image.nodata == 0
        labels = read_labels(tmp_path / "out" / f"{region}_plates.gpkg", find_body("Europa"), fields)
        found = grid_labels(labels, grid).burn(grid.window, np.ones((50, 40), bool))
        assert (found == prepare.union(prepare.put_together(crops_of(*mosaic(seed))))).all()


def test_regions_lie_apart_on_whole_pixels():
    places = {name: prepare.transform_of(name, (650, 550)) for name in prepare.REGIONS}
    assert sorted(round(t.c / prepare.DEGREE_M + 275 * 200 / prepare.DEGREE_M) for t in places.values()) == [-60, 0, 60]
    assert all(t.c % prepare.PIXEL_M == 0 == t.f % prepare.PIXEL_M for t in places.values())
