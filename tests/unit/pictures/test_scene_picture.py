"""Pictures of made-up scenes of one band and of several."""

import numpy as np
import pytest
import rasterio
from PIL import Image

from orbitile.base.errors import OrbitileError
from orbitile.pictures.scene_picture import HEADING_PX, RunPicture, ScenePicture, rows_of_scene
from orbitile.tables.rasters import write_rasters

SIDE = 60
RED, GREEN, BLUE = 200, 90, 30
COLOURS = np.stack([np.full((SIDE, SIDE), value, np.uint8) for value in (RED, GREEN, BLUE)])


def scene_colour(row, tmp_path):
    """The colour in the middle of a picture of one scene."""
    ScenePicture.of(row).save(tmp_path / "scene.png", legend_columns=1)
    return np.array(Image.open(tmp_path / "scene.png").convert("RGB"))[HEADING_PX + SIDE // 2, SIDE // 2].tolist()


def run_image(row, tmp_path):
    """A picture of a run of one scene, without its heading."""
    write_rasters([row], tmp_path / "rasters.parquet")
    RunPicture.of([str(tmp_path / "rasters.parquet")]).save("made up", tmp_path / "run.png")
    return np.array(Image.open(tmp_path / "run.png").convert("RGB"))[HEADING_PX:]


def name_bands(row, *names):
    with rasterio.open(row.path, "r+") as sink:
        sink.descriptions = names
    return row


def test_three_bands_are_red_green_and_blue(raster, tmp_path):
    row = raster(COLOURS)
    assert scene_colour(row, tmp_path) == [RED, GREEN, BLUE]
    assert run_image(row, tmp_path)[800, 800].tolist() == [RED, GREEN, BLUE]


def test_each_band_has_its_own_stretch(raster, tmp_path):
    row = raster(COLOURS.astype(np.float32))
    row.high[2] = 60.0
    assert scene_colour(row, tmp_path) == [RED, GREEN, pytest.approx(255 / 2, abs=1)]


def test_named_colours_are_shown_as_such(raster, tmp_path):
    row = name_bands(raster(COLOURS[::-1]), "Blue", "green", "RED")
    assert scene_colour(row, tmp_path) == [RED, GREEN, BLUE]
    assert run_image(row, tmp_path)[800, 800].tolist() == [RED, GREEN, BLUE]


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_of_any_other_number_the_first_is_shown_in_grey(raster, tmp_path, bands):
    pixels = np.stack([np.full((SIDE, SIDE), 40 * (number + 1), np.uint8) for number in range(bands)])
    row = raster(pixels)
    assert scene_colour(row, tmp_path) == [40, 40, 40]
    assert run_image(row, tmp_path)[800, 800].tolist() == [40, 40, 40]


def test_pixels_without_data_are_left_out_of_a_picture_of_a_run(raster, tmp_path):
    valid = np.full((SIDE, SIDE), 255, np.uint8)
    valid[:, SIDE // 2 :] = 0
    image = run_image(raster(COLOURS, valid=valid), tmp_path)
    assert image[800, 200].tolist() == [RED, GREEN, BLUE]
    assert image[800, 1400].tolist() == [255, 255, 255]


def test_a_pixel_is_valid_where_all_bands_are(raster, tmp_path):
    pixels = COLOURS.copy()
    pixels[2, :, SIDE // 2 :] = 0
    image = run_image(raster(pixels, nodata=0), tmp_path)
    assert image[800, 200].tolist() == [RED, GREEN, BLUE]
    assert image[800, 1400].tolist() == [255, 255, 255]


def test_a_scene_that_failed_has_no_picture(raster, tmp_path):
    write_rasters([raster(COLOURS)], tmp_path / "rasters.parquet")
    with pytest.raises(OrbitileError, match="scene b was left out of the run because it failed"):
        rows_of_scene(str(tmp_path / "rasters.parquet"), "b")
