"""Scenes are cut by longitude and latitude, pixel by pixel, out of maps on either side of 180 E."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine

from orbitile.base.errors import OrbitileError

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "recipes"))
from cut_scenes import Cut, write_scenes  # noqa: E402

PX_PER_DEG = 4
STEP_M = np.radians(1) * 1737400 / PX_PER_DEG
MAP = "+proj=eqc +lon_0=0 +R=1737400 +units=m"


@pytest.fixture
def mosaic(tmp_path):
    """A map of 0-360 E, 10 S-10 N, whose pixels say their number of column."""
    path = tmp_path / "mosaic.tif"
    columns = np.broadcast_to(np.arange(360 * PX_PER_DEG, dtype=np.uint16), (20 * PX_PER_DEG, 360 * PX_PER_DEG))
    transform = Affine(STEP_M, 0, 0, 0, -STEP_M, 10 * PX_PER_DEG * STEP_M)
    with rasterio.open(path, "w", driver="GTiff", width=columns.shape[1], height=columns.shape[0], count=1,
                       dtype="uint16", crs=MAP, transform=transform) as out:  # fmt: skip
        out.write(columns, 1)
    return str(path)


def test_boxes_become_scenes_with_the_pixels_of_the_map(mosaic, tmp_path):
    table = tmp_path / "cut" / "scenes.csv"
    boxes = dict(west=(-140, -100, -5, 5), east=(10, 12, 0, 10))
    write_scenes([Cut(mosaic, name, split, *boxes[name]) for name, split in dict(west="train", east="val").items()],
                 table)  # fmt: skip
    assert pd.read_csv(table).to_dict("list") == dict(
        scene=["west", "east"], path=["west.tif", "east.tif"], split=["train", "val"]
    )
    for name, (west, east, south, north) in boxes.items():
        with rasterio.open(table.parent / f"{name}.tif") as scene:
            first = (west % 360) * PX_PER_DEG
            assert scene.shape == ((north - south) * PX_PER_DEG, (east - west) * PX_PER_DEG)
            assert (scene.read(1)[0] == np.arange(first, first + scene.width)).all()
            assert scene.bounds.top == pytest.approx(north * PX_PER_DEG * STEP_M)


@pytest.mark.parametrize("box", [(0, 10, 5, 15), (-10, 10, 0, 5), (10, 10, 0, 5)])
def test_what_the_map_does_not_hold_is_told(mosaic, tmp_path, box):
    with pytest.raises(OrbitileError, match=r"mosaic.tif: does not hold part, .* give another box"):
        write_scenes([Cut(mosaic, "part", "test", *box)], tmp_path / "cut" / "scenes.csv")
    assert not (tmp_path / "cut" / "scenes.csv").exists()


def test_a_missing_map_is_one_line(tmp_path):
    words = [sys.executable, ROOT / "recipes" / "cut_scenes.py", tmp_path / "scenes.csv", "--scene",
             tmp_path / "nothing.tif", "a", "train", "-10", "10", "0", "5"]  # fmt: skip
    run = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "nothing.tif: cannot be read as a map" in run.stderr
