"""Pictures of made-up scenes of one band and of several."""

import resource
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from pyproj import CRS

from orbitile.pictures import scene_picture
from orbitile.pictures.scene_picture import HEADING_PX, RunPicture, ScenePicture, picture_key
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


def test_pixels_are_those_of_the_scene_and_the_picture_tells_its_key(raster, tmp_path):
    """Neither resampled nor coloured by way of floating point."""
    grey = np.random.default_rng(1).integers(1, 255, (60, 80), np.uint8)
    picture = ScenePicture.of(raster(grey))
    layer = np.zeros((60, 80, 4), np.uint8)
    layer[:, :20] = 255, 0, 0, 255
    picture.lay_over(layer)
    picture.save(tmp_path / "scene.png", legend_columns=1, key="made up")
    image = np.array(Image.open(tmp_path / "scene.png"))
    assert image.shape == (60 + HEADING_PX, 80, 3)
    assert (image[HEADING_PX:, 20:] == grey[:, 20:, None]).all()
    assert (image[HEADING_PX:, :20] == (255, 0, 0)).all()
    assert picture_key(tmp_path / "scene.png") == "made up"
    (tmp_path / "cut.png").write_bytes((tmp_path / "scene.png").read_bytes()[:20])
    assert picture_key(tmp_path / "cut.png") is picture_key(tmp_path / "none.png") is None


@pytest.mark.parametrize("crs", ["IAU_2015:30110", "IAU_2015:30130", "IAU_2015:30120"])
@pytest.mark.parametrize("frame_crs", ["IAU_2015:30110", "IAU_2015:30135", "IAU_2015:30115"])
def test_the_frame_is_that_of_the_warped_scenes(raster, crs, frame_crs):
    """As GDAL warps them when they are drawn."""
    row = raster(COLOURS, crs=crs, scale_m=5000.0, left=123_000, top=456_000)
    wkt = CRS.from_user_input(frame_crs).to_wkt()
    with scene_picture._view(row, wkt) as view:
        assert scene_picture._warped_bounds(row, wkt) == pytest.approx(tuple(view.bounds), rel=1e-9)


def test_a_run_is_drawn_on_the_map_that_most_scenes_have(raster, tmp_path):
    polar = raster(COLOURS, "a", crs="IAU_2015:30130")
    rows = [polar, raster(COLOURS, "b"), raster(COLOURS, "c", left=10_000)]
    write_rasters(rows, tmp_path / "rasters.parquet")
    assert RunPicture.of([str(tmp_path / "rasters.parquet")]).frame.crs_wkt == rows[1].crs_wkt
    write_rasters(rows[:2], tmp_path / "rasters.parquet")
    assert RunPicture.of([str(tmp_path / "rasters.parquet")]).frame.crs_wkt == polar.crs_wkt


def test_scenes_are_open_one_at_a_time(raster, tmp_path, monkeypatch):
    """A run of thousands would not get as many open files."""
    rows = [raster(COLOURS, f"s{number}", left=6000.0 * number) for number in range(30)]
    write_rasters(rows, tmp_path / "rasters.parquet")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    in_use = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(scene_picture, "LONGER_SIDE_PX", 400)
    resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 12, hard))
    try:
        assert RunPicture.of([str(tmp_path / "rasters.parquet")]).scenes == 30
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
