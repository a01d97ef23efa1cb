"""A new family of networks is one module and one line in the list of families."""

import sys
import textwrap

import numpy as np
import pytest

from orbitile.base.files import sha256
from orbitile.detections.tiling import TileSize
from orbitile.inference.models.families import BOXES, FAMILIES, MASKS, NetworkFamily
from orbitile.inference.models.network import ModelChoice
from orbitile.inference.tile_rows import InferenceSettings
from orbitile.jobs.pieces import JobWork
from orbitile.pipeline import DETECTION, SEGMENTATION
from orbitile.settings import Settings
from orbitile.stages.infer import infer
from orbitile.stages.tile import tile_scenes
from orbitile.tables.detections import TILE_DETECTIONS
from orbitile.tables.parquet import read_table
from orbitile.tables.rasters import RasterTables, write_rasters

SIDE = 32
MODULE = '''
import torch

from orbitile.inference.models.network import BoxOutput, MaskOutput


class Spots:
    """Finds the brightest pixel of each tile that is not black."""

    reflect_padding, max_objects = False, None

    def __init__(self, choice):
        self.device, self.names, self.channels = torch.device(choice.device), ("spot",), choice.bands

    @classmethod
    def load(cls, choice):
        with open(choice.weights) as file:
            assert file.read() == "made up"
        return cls(choice)

    def predict_batch(self, images):
        brightest = images.amax(dim=1).flatten(1).max(dim=1)
        tile = torch.nonzero(brightest.values)[:, 0]
        place = brightest.indices[tile]
        corner = torch.stack([place % images.shape[-1], place // images.shape[-1]], dim=1).float()
        score, label = brightest.values[tile] / 255, torch.zeros_like(tile)
        return BoxOutput(tile, torch.cat([corner, corner + 1], dim=1), score, label, torch.zeros(len(images)) > 0)


class Shades(Spots):
    def predict_batch(self, images):
        return MaskOutput(images[:, :1], torch.zeros(len(images)) > 0)
'''


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Weights of two made-up families, whose module lies in a folder of its own."""
    (tmp_path / "made_up_networks.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(FAMILIES, "spots", NetworkFamily("made_up_networks:Spots", BOXES))
    monkeypatch.setitem(FAMILIES, "shades", NetworkFamily("made_up_networks:Shades", MASKS))
    (tmp_path / "spots.weights").write_text("made up")
    yield tmp_path / "spots.weights"
    sys.modules.pop("made_up_networks", None)


def settings_of(weights, family):
    model = dict(weights=weights, sha256=sha256(weights), family=family, device="cpu")
    scale = dict(gsd_m=100, tile_px=SIDE, overlap_px=16)
    return Settings(run="r", body="Moon", scenes=weights, crs="IAU_2015:30110", scales=[scale], model=model)


def predicted(weights, family, raster, tmp_path):
    """The table of the stage infer for two made-up tiles, whose brightest pixels are (3, 5) and (32 + 8, 9)."""
    pixels = np.zeros((SIDE, 2 * SIDE), np.uint8)
    pixels[5, 3], pixels[9, SIDE + 8] = 100, 200
    paths = [str(tmp_path / f"{name}.parquet") for name in ("tiles", "rasters", "out")]
    write_rasters([raster(pixels)], paths[1])
    tile_scenes(paths[1], {100.0: TileSize(SIDE, 0)}, str(tmp_path / "work"), paths[0], JobWork())
    choice = ModelChoice(**settings_of(weights, family).model_choice)
    settings = InferenceSettings(choice, {100.0: SIDE}, 1)
    infer(paths[0], RasterTables(paths[1]), settings, str(tmp_path / "fragments"), paths[2], JobWork())
    return read_table(paths[2])


def test_a_new_detector(weights, raster, tmp_path):
    assert settings_of(weights, "spots").chain == DETECTION
    table = predicted(weights, "spots", raster, tmp_path)
    assert table.columns.tolist() == TILE_DETECTIONS.names
    assert table[["tile", "left", "top", "class"]].to_numpy().tolist() == [[0, 3, 5, "spot"], [1, 8, 9, "spot"]]
    assert table["score"].tolist() == pytest.approx([100 / 255, 200 / 255])


def test_a_new_segmenter(weights, raster, tmp_path):
    assert settings_of(weights, "shades").chain == SEGMENTATION
    table = predicted(weights, "shades", raster, tmp_path)
    assert table["tile"].tolist() == [0, 1]


def test_other_families_are_refused(weights):
    with pytest.raises(ValueError, match="'spotty' given; allowed are yolo, segmentation, spots, shades"):
        settings_of(weights, "spotty")
