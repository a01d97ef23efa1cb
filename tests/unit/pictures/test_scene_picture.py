"""Pictures of made-up scenes of one band and of several."""

import resource
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from pyproj import CRS

from orbitile.pictures import scene_picture
from orbitile.pictures.picture_size import LARGEST_PX, enlargement
from orbitile.pictures.scene_picture import HEADING_PX, RunPicture, ScenePicture, picture_key
from orbitile.tables.rasters import write_rasters

SIDE = 60
RED, GREEN, BLUE = 200, 90, 30
COLOURS = np.stack([np.full((SIDE, SIDE), value, np.uint8) for value in (RED, GREEN, BLUE)])


def scene_colour(row, tmp_path):
    """The colour in the middle of a picture of one scene."""
    ScenePicture.of(row).save(tmp_path / "scene.png", legend_columns=1)
    image = np.array(Image.open(tmp_path / "scene.png").convert("RGB"))[HEADING_PX:]
    return image[image.shape[0] // 2, image.shape[1] // 2].tolist()


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
    """Neither resampled nor coloured by way of floating point; small scenes' pixels are squares of 12 px."""
    grey = np.random.default_rng(1).integers(1, 255, (60, 80), np.uint8)
    picture = ScenePicture.of(raster(grey))
    layer = np.zeros((60, 80, 4), np.uint8)
    layer[:, :20] = 255, 0, 0, 255
    picture.lay_over(layer)
    picture.save(tmp_path / "scene.png", legend_columns=1, key="made up")
    image = np.array(Image.open(tmp_path / "scene.png"))
    assert image.shape == (720 + HEADING_PX, 960, 3)
    squares = image[HEADING_PX:].reshape(60, 12, 80, 12, 3)
    assert (squares[:, :, 20:] == grey[:, None, 20:, None, None]).all()
    assert (squares[:, :, :20] == (255, 0, 0)).all()
    assert picture_key(tmp_path / "scene.png") == "made up"
    (tmp_path / "cut.png").write_bytes((tmp_path / "scene.png").read_bytes()[:20])
    assert picture_key(tmp_path / "cut.png") is picture_key(tmp_path / "none.png") is None


@pytest.mark.parametrize(
    ("size", "factor"),
    [((48, 48), 19), ((416, 416), 3), ((700, 500), 2), ((900, 20), 1), ((LARGEST_PX, 9), 1), ((9, 9 * LARGEST_PX), 1)],
)
def test_small_scenes_are_enlarged_to_a_width_of_900_px(size, factor):
    assert enlargement(*size) == factor


def test_enlarged_pictures_are_no_larger_than_any(raster):
    picture = ScenePicture.of(raster(np.ones((1500, 100), np.uint8)))
    assert picture.size_px == (200, 3000)


def test_outlines_lie_on_the_pixels_of_enlarged_scenes(raster, tmp_path):
    picture = ScenePicture.of(raster(np.full((60, 80), 9, np.uint8)))
    picture.outline("made up", [np.array([[10.0, 20.0], [70.0, 20.0]])], "#ffffff", 1.0)
    picture.save(tmp_path / "scene.png", legend_columns=1)
    rows, columns = np.nonzero(np.array(Image.open(tmp_path / "scene.png").convert("L"))[HEADING_PX:] > 128)
    assert (rows.mean() + 0.5, columns.min(), columns.max()) == pytest.approx((240, 120, 840), abs=2)


@pytest.mark.parametrize("shape", [(20, 48), (50, 1000), (3000, 50)])
@pytest.mark.parametrize("name", ["a", "image-140_-27_png_jpg.rf.a098aa4259a78200ff2e96ec49240721", "a" * 120])
@pytest.mark.parametrize("kinds", [1, 3, 12])
def test_name_and_legend_stand_apart_above_the_scene(raster, tmp_path, shape, name, kinds):
    picture = ScenePicture.of(raster(np.ones(shape, np.uint8), name))
    for kind in range(kinds):
        picture.outline(f"made-up class {kind}", [np.zeros((2, 2))], "#ffffff", 1.0)
    picture.save(tmp_path / "scene.png", legend_columns=kinds)
    figure, renderer = picture.figure, picture.figure.canvas.get_renderer()
    title, legend = (part.get_window_extent(renderer) for part in (figure.texts[0], figure.legends[0]))
    scene = picture.axes.get_window_extent()
    assert (scene.x0, scene.y0, scene.width, scene.height) == pytest.approx((0, 0, *picture.size_px))
    assert not title.overlaps(legend)
    for part in (title, legend):
        assert part.x0 >= 0
        assert part.x1 <= figure.bbox.width
        assert part.y0 >= scene.y1 - 1
        assert part.y1 <= figure.bbox.height
    assert Image.open(tmp_path / "scene.png").size == tuple(figure.bbox.size.round())


def test_a_name_and_a_legend_that_fit_stand_side_by_side(raster, tmp_path):
    picture = ScenePicture.of(raster(np.ones((10, 1000), np.uint8)))
    picture.outline("made up", [np.zeros((2, 2))], "#ffffff", 1.0)
    picture.save(tmp_path / "scene.png", legend_columns=1)
    assert Image.open(tmp_path / "scene.png").size == (1000, 10 + HEADING_PX)


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
