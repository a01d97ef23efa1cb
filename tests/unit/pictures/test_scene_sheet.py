"""Sheets of made-up scenes side by side."""

import numpy as np
import pytest
from PIL import Image

from orbitile.pictures.scene_picture import LONGER_SIDE_PX
from orbitile.pictures.scene_sheet import MOST_SCENES, SceneSheet
from orbitile.tables.rasters import write_rasters


@pytest.fixture
def sheet(tmp_path):
    """Makes the sheet of rasters."""

    def make(*rows):
        write_rasters(list(rows), tmp_path / "rasters.parquet")
        return SceneSheet.of([str(tmp_path / "rasters.parquet")])

    return make


@pytest.fixture
def noise(raster):
    """Makes a raster of a size in which pixels differ."""

    def make(scene, rows, columns, **placement):
        pixels = np.random.default_rng(rows).integers(1, 255, (rows, columns), np.uint8)
        return raster(pixels, scene, **placement), pixels

    return make


def cell_pixels(sheet, scene, image):
    """The part of a picture (rows, columns) that shows a scene."""
    extent = sheet.cells[scene].axes.get_window_extent()
    left, right = round(extent.x0), round(extent.x1)
    top, bottom = (round(image.shape[0] - y) for y in (extent.y1, extent.y0))
    return image[top:bottom, left:right]


def drawn(sheet, folder):
    sheet.save("made up", folder / "sheet.png")
    return np.array(Image.open(folder / "sheet.png").convert("L"))


def test_scenes_lie_side_by_side_in_squares_for_their_pixels(sheet, noise, tmp_path):
    rows = {name: noise(name, *shape) for name, shape in dict(b=(30, 40), a=(200, 100), c=(7, 7)).items()}
    scenes = sheet(*(row for row, _ in rows.values()))
    image = drawn(scenes, tmp_path)
    assert list(scenes.cells) == ["a", "b", "c"]
    assert image.shape[1] <= LONGER_SIDE_PX
    for scene, (_, pixels) in rows.items():
        shown = cell_pixels(scenes, scene, image)
        factor = shown.shape[0] // pixels.shape[0]
        assert factor > 1
        assert (shown == pixels.repeat(factor, axis=0).repeat(factor, axis=1)).all()
    extents = [cell.axes.get_window_extent() for cell in scenes.cells.values()]
    assert not any(extents[i].overlaps(extents[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def test_large_scenes_are_shrunk_to_their_cells(sheet, noise, tmp_path):
    scenes = sheet(noise("a", 900, 1800)[0], noise("b", 1800, 60)[0])
    shown = cell_pixels(scenes, "a", drawn(scenes, tmp_path))
    assert shown.shape[1] == pytest.approx(LONGER_SIDE_PX / 2, rel=0.05)
    assert shown.shape[0] == pytest.approx(shown.shape[1] / 2, abs=1)


def test_the_coarsest_scale_that_fills_the_cell_is_shown(sheet, noise):
    rasters = {scale_m: noise("a", side, side, scale_m=scale_m)[0] for scale_m, side in ((50, 4000), (100, 2000))}
    coarse, small = noise("a", 1000, 1000, scale_m=200)[0], noise("b", 10, 10, scale_m=100)[0]
    scenes = sheet(*rasters.values(), coarse, small, noise("b", 5, 5, scale_m=200)[0])
    assert [cell.raster.scale_m for cell in scenes.cells.values()] == [200, 100]
    assert sheet(*rasters.values(), coarse).cells["a"].raster.scale_m == 100


def test_outlines_lie_on_the_pixels_of_their_scene(sheet, raster, tmp_path):
    scenes = sheet(*(raster(np.full((60, 80), 9, np.uint8), name) for name in "ab"))
    scenes.cells["b"].outline([np.array([[20.0, 30.0], [200.0, 30.0]])], "#ffffff")
    image = drawn(scenes, tmp_path)
    rows, columns = np.nonzero(cell_pixels(scenes, "b", image) > 128)
    factor = cell_pixels(scenes, "b", image).shape[1] / 80
    assert ((rows.mean() + 0.5) / factor, columns.min() / factor) == pytest.approx((30, 20), abs=0.3)
    assert (cell_pixels(scenes, "a", image) == 9).all()


@pytest.mark.parametrize(("count", "text"), [(3, ""), (50, "; the first 48 are shown, 2 more are not")])
def test_a_sheet_has_some_dozens_of_scenes_and_counts_the_others(sheet, raster, tmp_path, count, text):
    scenes = sheet(*(raster(np.full((4, 4), 9, np.uint8), f"{number:03}") for number in range(count)))
    assert len(scenes.cells) == min(count, MOST_SCENES)
    assert scenes.more_text == text
    assert len(scenes.names) == count
    captions = [part.get_text() for part in scenes.figure.texts]
    assert captions[:2] == ["000", "4 x 4 px"]
    assert drawn(scenes, tmp_path).shape[1] <= LONGER_SIDE_PX


def test_long_names_stay_in_their_cells(sheet, raster, tmp_path):
    scenes = sheet(*(raster(np.full((4, 4), 9, np.uint8), f"{number:03}{'w' * 100}") for number in range(40)))
    scenes.save("made up", tmp_path / "sheet.png")
    renderer = scenes.figure.canvas.get_renderer()
    for cell, caption in zip(scenes.cells.values(), scenes.figure.texts[::2], strict=False):
        assert caption.get_window_extent(renderer).width <= cell.axes.get_window_extent().width


def test_a_run_without_scenes_has_an_empty_sheet(sheet, tmp_path):
    assert (drawn(sheet(), tmp_path)[-5:] == 255).all()
