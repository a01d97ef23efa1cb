"""Pixels mean brightness: odd images become the greys of plain ones, or the table warns, or one line refuses them."""

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
import rasterio
from hostile.pixels import KINDS, OddImage, check, check_image, georeferenced, image_of_kind
from projects import SCENE, Project, demo_settings, write_scenes
from rasterio.windows import Window

from orbitile.base.errors import OrbitileError

CUT = Window(300, 300, 700, 700)
"""Of a demo scene: ground with 131 detections of the demo's network."""
CRATERS = 131


@pytest.mark.parametrize("kind", [kind.__name__ for kind in KINDS])
def test_each_kind(kind, tmp_path):
    for seed in range(5):
        folder = tmp_path / str(seed)
        folder.mkdir()
        check_image(image_of_kind(kind, Random(f"{kind}:{seed}"), folder), folder)


def test_at_random(tmp_path):
    for seed in range(40):
        folder = tmp_path / str(seed)
        folder.mkdir()
        check(Random(f"pixels:{seed}"), folder)


@pytest.mark.parametrize(
    "kind", ["plain", "min_is_white", "palette", "scaled", "signed_bytes", "impossible_nodata", "several_bands"]
)
@pytest.mark.parametrize("gsd_m", [100, 200, 130])
def test_resampled_images_agree_with_plain_ones(kind, gsd_m, tmp_path):
    """An odd image and the plain image of its brightness become the same greys on another pixel grid, too."""
    image = image_of_kind(kind, Random(f"{kind}:0"), tmp_path)
    plain = plain_image(image, tmp_path)
    (tmp_path / "odd").mkdir()
    try:
        _, greys, valid = georeferenced(image, tmp_path / "odd", gsd_m=gsd_m)
    except OrbitileError:
        assert kind in ("palette", "scaled")
        return
    _, plain_greys, plain_valid = georeferenced(plain, tmp_path, gsd_m=gsd_m)
    np.testing.assert_array_equal(valid, plain_valid)
    assert np.abs(greys.astype(int) - plain_greys)[valid].max() <= 6


def plain_image(image: OddImage, folder: Path) -> OddImage:
    """The same brightness in floats, with a nodata value."""
    with rasterio.open(image.path) as source:
        profile = dict(crs=source.crs, transform=source.transform, width=source.width, height=source.height, count=1)
    with rasterio.open(folder / "plain.tif", "w", driver="GTiff", dtype="float32", nodata=np.nan, **profile) as sink:
        sink.write(np.where(image.has_brightness, image.brightness, np.nan).astype(np.float32), 1)
    return replace(image, path=folder / "plain.tif", bands=(1,))


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, int]:
    """How many craters the demo's network finds on the same ground in each of several encodings."""
    folder = tmp_path_factory.mktemp("encodings")
    write_encodings(folder)
    names = [path.stem for path in sorted(folder.glob("*.tif"))]
    write_scenes(folder, [dict(scene=name, path=f"{name}.tif") for name in names])
    scale = dict(gsd_m=474, tile_px=512, overlap_px=128, min_object_px=8, max_object_px=120)
    settings = demo_settings(folder) | dict(scales=[scale], margin="never", scenes_per_group=49)
    settings = {key: value for key, value in settings.items() if key not in ("evaluation", "stretch_values")}
    project = Project(folder, settings)
    done = project.run("catalogue")
    assert done.returncode == 0, done.stdout + done.stderr
    detections = pd.concat([pd.read_parquet(path) for path in project.result("detections").glob("*.parquet")])
    return detections[detections.score >= 0.3].groupby("scene").size().to_dict()


def write_encodings(folder: Path) -> None:
    with rasterio.open(SCENE) as source:
        grey, crs, transform = source.read(1, window=CUT), source.crs, source.window_transform(CUT)
    grid = dict(driver="GTiff", width=700, height=700, count=1, crs=crs, transform=transform)
    order = np.random.default_rng(1).permutation(256).astype(np.uint8)
    reflectance = (grey / 255 * 0.25).astype(np.float32)
    hot, constant = reflectance.copy(), reflectance.copy()
    hot[100, 200], constant[100, 200] = 1000, 1e32
    encodings = dict(base=grey, white=255 - grey, palette=order[grey], hot=hot, constant=constant)
    for name, pixels in encodings.items():
        photometric = dict(photometric="MINISWHITE") if name == "white" else {}
        with rasterio.open(folder / f"{name}.tif", "w", dtype=pixels.dtype, **grid, **photometric) as sink:
            sink.write(pixels, 1)
            if name == "palette":
                sink.write_colormap(1, {int(order[level]): (level, level, level, 255) for level in range(256)})


def test_hot_pixel(found):
    assert found["hot"] == found["constant"] == found["base"] == CRATERS


def test_palette_miniswhite(found):
    assert found["palette"] == found["white"] == found["base"] == CRATERS
