"""A scale that is searched in enlarged pixels: tiles, images and places as if the raster were stored enlarged."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from orbitile.detections.box_correction import BoxCorrection
from orbitile.detections.tiling import SizeLimits, TileSize
from orbitile.inference.models.network import BoxOutput, ModelChoice
from orbitile.inference.tile_rows import InferenceSettings, read_tile_rows
from orbitile.jobs.pieces import JobWork
from orbitile.rasters.enlarge import enlarged_window
from orbitile.space.grids import Window
from orbitile.stages.infer import infer
from orbitile.stages.tile import tile_scenes
from orbitile.stages.untile import UntileInputs, untile
from orbitile.tables.detections import TILE_DETECTIONS
from orbitile.tables.enlarged_rasters import SearchedRaster, searched_rasters
from orbitile.tables.parquet import read_table, write_table
from orbitile.tables.rasters import RasterTables, Surroundings, write_rasters

MOON_M = 1737400.0
SIZE = TileSize(64, 32)
LIMITS = {50.0: SizeLimits(4, 3, 24, True)}
CHOICE = ModelChoice(
    "weights.safetensors", "0" * 64, "yolo", "cpu", precision="auto", compile=False, batch=8, score_threshold=0.05
)


@pytest.fixture
def twins(raster, tmp_path):
    """A made-up scene of 80 x 48 px at 100 m/px, and the same scene stored at 50 m/px."""

    def make(in_mosaic=False, gap=20):
        rng = np.random.default_rng(0)
        pixels = rng.integers(1, 250, (48, 80)).astype(np.uint8)
        pixels[30:, :gap] = 0
        source = Window(0, 0, 80, 48)
        grey, valid = enlarged_window(pixels[None], pixels > 0, source, Window(0, 0, 160, 96), 2)
        stored = np.where(valid, np.maximum(grey[0], 1), 0).astype(np.uint8)
        places = dict(left=1_000_000, top=500_000, nodata=0)
        rows = dict(small=raster(pixels, **places), large=raster(stored, "a", scale_m=50.0, **places))
        paths = {}
        for name, row in rows.items():
            paths[name] = str(tmp_path / f"{name}.parquet")
            write_rasters([replace(row, in_mosaic=in_mosaic)], paths[name])
        return paths

    return make


def tiles_of(path, enlarged, tmp_path):
    out = f"{path}-tiles.parquet"
    tile_scenes(path, {50.0: SIZE}, str(tmp_path / "tile"), out, JobWork(), enlarged)
    return out


@pytest.mark.parametrize("in_mosaic", [False, True])
def test_tiles_are_those_of_the_raster_stored_enlarged(twins, tmp_path, in_mosaic):
    paths = twins(in_mosaic)
    enlarged = read_table(tiles_of(paths["small"], {50.0: 2}, tmp_path))
    stored = read_table(tiles_of(paths["large"], {}, tmp_path))
    pd.testing.assert_frame_equal(enlarged.drop(columns="appearance"), stored.drop(columns="appearance"))
    for own, other in zip(enlarged["appearance"], stored["appearance"], strict=True):  # grey values are rounded later
        assert (own is None) == (other is None)
        assert own is None or own == pytest.approx(other, abs=0.02)
    assert set(enlarged["scale_m"]) == {50.0} and len(enlarged) >= 8


def test_scales_without_a_raster_are_not_searched(raster):
    row = raster(np.ones((8, 8), np.uint8))
    assert [(r.scale_m, r.factor) for r in searched_rasters([row], [25.0, 50.0, 100.0, 200.0], {25.0: 4, 50.0: 2})] == [
        (25.0, 4), (50.0, 2), (100.0, 1)
    ]  # fmt: skip


def test_an_enlarged_row_covers_the_same_ground(raster):
    row = raster(np.ones((9, 7), np.uint8), left=350, top=950)
    grid, stored = SearchedRaster(row, 100 / 3, 3).row.grid, row.grid
    assert (grid.width, grid.height) == (21, 27)
    assert grid.to_map(21, 27) == pytest.approx(stored.to_map(7, 9)) and grid.to_map(0, 0) == stored.to_map(0, 0)
    assert SearchedRaster(row, 100.0).row is row


def test_rows_of_tiles_hang_on_the_factor(twins, tmp_path):
    paths = twins()
    tiles = tiles_of(paths["small"], {50.0: 2}, tmp_path)
    rows = list(
        read_tile_rows(
            tiles, Surroundings(RasterTables(paths["small"])), InferenceSettings(CHOICE, {50.0: 64}, 1, {50.0: 2})
        )
    )
    assert {row.row.view.factor for row in rows} == {2} and {row.raster.scale_m for row in rows} == {50.0}
    assert all(row.row.view.parts[0].width == 80 for row in rows)


class Brightest:
    """Finds a box of 6 px at the brightest pixel of every tile that is nowhere grey alone, and keeps the images."""

    device, names, channels, reflect_padding, max_objects = torch.device("cpu"), ("crater",), 1, False, None

    def __init__(self):
        self.images = []

    def predict_batch(self, images):
        self.images += [image[0].numpy().copy() for image in images if image.any()]
        side = images.shape[-1]
        place = images.flatten(1).argmax(dim=1)
        corner = torch.stack([place % side, place // side], dim=1).float() - 3
        tiles = torch.arange(len(images))
        return BoxOutput(tiles, torch.cat([corner, corner + 6], 1), torch.full((len(images),), 0.5),
                         torch.zeros_like(tiles), torch.zeros(len(images), dtype=torch.bool))  # fmt: skip


def test_the_network_sees_enlarged_pixels(twins, tmp_path, monkeypatch):
    """Grey values are those of the stored twin."""
    paths, seen = twins(gap=0), {}
    for name, enlarged in (("small", {50.0: 2}), ("large", {})):
        network = Brightest()
        monkeypatch.setattr("orbitile.stages.infer.load_network", lambda choice, network=network: network)
        tiles = tiles_of(paths[name], enlarged, tmp_path)
        settings = InferenceSettings(CHOICE, {50.0: 64}, 1, enlarged)
        out = str(tmp_path / f"{name}-boxes.parquet")
        infer(tiles, RasterTables(paths[name]), settings, str(tmp_path / name), out, JobWork())
        seen[name] = network.images, read_table(out)
    assert len(seen["small"][0]) == len(seen["large"][0]) >= 8
    for small, large in zip(seen["small"][0], seen["large"][0], strict=True):
        assert np.abs(small.astype(int) - large).max() <= 2  # the twin's stretch was applied after enlarging
    assert len(seen["small"][1]) == len(seen["large"][1])


@pytest.mark.parametrize("in_mosaic", [False, True])
def test_detections_lie_where_they_lie_on_the_stored_twin(twins, tmp_path, in_mosaic):
    paths, detections = twins(in_mosaic), {}
    for name, enlarged in (("small", {50.0: 2}), ("large", {})):
        tiles = tiles_of(paths[name], enlarged, tmp_path)
        boxes = read_table(tiles)[["scene", "scale_m", "tile"]].assign(
            left=24.0, top=26.0, right=34.0, bottom=38.0, score=np.float32(0.5), truncated=False
        )
        boxes["class"] = "crater"
        write_table(boxes, TILE_DETECTIONS, tmp_path / "boxes.parquet")
        tables = UntileInputs(str(tmp_path / "boxes.parquet"), tiles, paths[name])
        untile(tables, LIMITS, MOON_M, str(tmp_path / f"{name}-out.parquet"), enlarged)
        detections[name] = read_table(tmp_path / f"{name}-out.parquet")
    pd.testing.assert_frame_equal(detections["small"], detections["large"])
    assert len(detections["small"]) > 0


def test_sizes_are_corrected_before_limits_and_after_edges(twins, tmp_path):
    """A box of 20 px becomes one of 10 px; one that is too small after correction is dropped, its centre stays."""
    paths = twins()
    tiles = tiles_of(paths["large"], {}, tmp_path)
    number = int(read_table(tiles)["tile"].iloc[0])
    rows = [(20, 20, 40, 40), (24, 24, 28, 28), (0.5, 20, 20.5, 40)]
    boxes = pd.DataFrame(rows, columns=["left", "top", "right", "bottom"], dtype=float).assign(
        scene="a", scale_m=50.0, tile=number, score=np.float32(0.5), truncated=False
    )
    boxes["class"] = "crater"
    write_table(boxes, TILE_DETECTIONS, tmp_path / "boxes.parquet")
    tables = UntileInputs(str(tmp_path / "boxes.parquet"), tiles, paths["large"])
    untile(tables, LIMITS, MOON_M, str(tmp_path / "out.parquet"), {}, BoxCorrection.of([[10, 0.5]]))
    found = read_table(tmp_path / "out.parquet").sort_values("xmin")
    assert (found["xmax"] - found["xmin"]).tolist() == [500, 500]
    assert found["xmin"].tolist() == [1_000_275, 1_001_250]
    assert found["truncated"].tolist() == [True, False]
