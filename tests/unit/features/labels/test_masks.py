"""Masks in the pixels of scenes, at their finest scale and at coarser ones."""

import re
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from mask_runs import Lattice
from PIL import Image

from orbitile.base.errors import OrbitileError
from orbitile.features.labels.masks import MaskFolder
from orbitile.space.grids import Window

GRID = Lattice(col=1, row=0).grid(Window(0, 0, 5, 4))
LABELS = np.array([[0, 1, 1, 2, 2], [0, 1, 255, 2, 0], [255, 255, 0, 1, 2], [255, 255, 2, 1, 0]], np.uint8)


def masks(folder):
    return MaskFolder(folder, ("dune", "ridge"))


def write_png(folder, labels=LABELS, name="a"):
    Image.fromarray(labels).save(folder / f"{name}.png")


def write_tif(folder, labels=LABELS, grid=None, name="a"):
    place = dict(crs=grid.crs_wkt, transform=grid.transform) if grid else {}
    bands = labels if labels.ndim == 3 else labels[None]
    shape = dict(width=bands.shape[2], height=bands.shape[1], count=len(bands), dtype=bands.dtype)
    with rasterio.open(folder / f"{name}.tif", "w", driver="GTiff", **shape, **place) as sink:
        sink.write(bands)


def burnt(folder, grid=GRID, valid=None):
    window = Window(0, 0, grid.width, grid.height)
    valid = np.ones((grid.height, grid.width), bool) if valid is None else valid
    return masks(folder).of_scene("a", GRID, grid).burn(window, valid)


@pytest.mark.parametrize(
    "write", [write_png, write_tif, lambda folder: write_tif(folder, LABELS.astype(np.int32), GRID)]
)
def test_a_mask_is_read_as_it_is(tmp_path, write):
    write(tmp_path)
    assert np.array_equal(burnt(tmp_path), LABELS)
    valid = LABELS == 1
    assert np.array_equal(burnt(tmp_path, valid=valid), np.where(valid, 1, 255))


def test_a_palette_holds_class_numbers(tmp_path):
    image = Image.fromarray(LABELS, "P")
    image.putpalette([200, 0, 0] * 256)
    image.save(tmp_path / "a.png")
    assert np.array_equal(burnt(tmp_path), LABELS)


def test_a_larger_pixel_has_the_most_frequent_known_label(tmp_path):
    """The scene begins at an odd column of the map: its first larger column has but one of its own."""
    write_png(tmp_path)
    coarse = GRID.coarser(2)
    assert burnt(tmp_path, coarse).tolist() == [[0, 1, 2], [255, 0, 1]]


def test_a_window_is_a_part(tmp_path):
    write_png(tmp_path)
    mask = masks(tmp_path).of_scene("a", GRID, GRID)
    assert np.array_equal(mask.burn(Window(2, 1, 3, 2), np.ones((2, 3), bool)), LABELS[1:3, 2:5])


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda folder: None, "holds no mask (.png"),
        (lambda folder: write_png(folder, name="b"), "no mask of scene a; add a.png or a.tif"),
        (lambda folder: [write_png(folder), write_tif(folder)], "a.png and a.tif are both masks of the scene a"),
        (lambda folder: write_png(folder, LABELS[:, :4]), "4 x 4 px, but the scene a has 5 x 4"),
        (
            lambda folder: write_png(folder, np.full((4, 5, 3), 1, np.uint8)),
            "has 3 bands, as colours have",
        ),
        (lambda folder: write_tif(folder, LABELS.astype(np.float32)), "holds float32; a mask holds whole numbers"),
        (
            lambda folder: write_png(folder, np.full((4, 5), 3, np.uint8)),
            "value 3 is no class; allowed are 0 (background), 1 (dune), 2 (ridge), 255 (unknown)",
        ),
        (lambda folder: write_tif(folder, np.full((4, 5), -1, np.int16)), "value -1 is no class; allowed are"),
        (lambda folder: write_tif(folder, np.full((4, 5), 256, np.int16)), "value 256 is no class; allowed are"),
        (lambda folder: write_tif(folder, grid=Lattice(col=2).grid(Window(0, 0, 5, 4))), "lies 1 px off its scene"),
        (lambda folder: (folder / "a.png").write_bytes(b"no image"), "cannot be read as an image"),
    ],
)
def test_a_bad_mask_gets_one_line(tmp_path, write, said):
    write(tmp_path)
    with pytest.raises(OrbitileError, match=re.escape(said)) as error:
        burnt(tmp_path)
    assert "\n" not in str(error.value)


def test_a_map_of_the_same_place_is_taken(tmp_path):
    moved = replace(GRID, transform=GRID.transform @ rasterio.Affine.translation(0.001, 0))
    write_tif(tmp_path, grid=moved)
    assert np.array_equal(burnt(tmp_path), LABELS)
