from pathlib import Path

import numpy as np
import pytest
import torch
from disc_scenes import GSD_M, MOON_M, WKT, write_disc_scene
from hypothesis import given, settings
from hypothesis import strategies as st

from orbitile.base.errors import OrbitileError
from orbitile.rasters.stretch import FILL
from orbitile.space.grids import Window
from orbitile.space.ground import Ground
from orbitile.tables.rasters import RasterRow
from orbitile.training.detection.crops import Crop
from orbitile.training.detection.dataset import CropDrawing, RandomCrops, batch_of
from orbitile.training.detection.labelled_scenes import LabelledScene, ScenePixels, SceneSplit
from orbitile.training.detection.recipe import CropAugmentation
from orbitile.training.split import square_numbers

NOTHING = CropAugmentation(tone=0, gamma=0, blur=0, noise=0)
TILE_PX = 48


class MadePixels(ScenePixels):
    """Pixels of a scene that is an array (rows, columns)."""

    def __init__(self, row: RasterRow, pixels: np.ndarray) -> None:
        self._row, self._whole = row, pixels[None]


def made_scene(name: str, pixels: np.ndarray, split: SceneSplit, boxes: list = (), agreement: list = ()
               ) -> LabelledScene:  # fmt: skip
    side = len(pixels)
    row = RasterRow(name, GSD_M, "", WKT, [GSD_M, 0, 0, 0, -GSD_M, 0], side, side, 1, [0], [255], "")
    return LabelledScene(row, Ground(WKT, MOON_M), np.array(boxes, float).reshape(-1, 4), np.array(agreement, float),
                         9.0, split, MadePixels(row, pixels))  # fmt: skip


def crops(scenes: list[LabelledScene], seed: int = 0, epoch: int = 0, count: int = 8,
          changes: CropAugmentation = NOTHING) -> RandomCrops:  # fmt: skip
    return RandomCrops(scenes, CropDrawing(TILE_PX, changes, count, seed), epoch)


TRAIN, VALIDATION = SceneSplit("train"), SceneSplit("val")
NOISE = np.random.default_rng(0).integers(0, 256, (200, 200)).astype(np.uint8)
PLAIN = [made_scene("a", NOISE, TRAIN, [[30, 30, 50, 50], [90, 60, 120, 90]], [0.5, 1]), made_scene("b", NOISE, TRAIN)]


def same(a: Crop, b: Crop) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_a_tile_depends_on_seed_epoch_and_number_alone():
    tiles, again = crops(PLAIN, changes=CropAugmentation()), crops(PLAIN, changes=CropAugmentation(), count=99)
    forwards, backwards = [tiles[n] for n in range(8)], [again[n] for n in reversed(range(8))][::-1]
    assert all(same(a, b) for a, b in zip(forwards, backwards, strict=True))
    others = [tiles[0], tiles[1], crops(PLAIN, seed=1)[0], crops(PLAIN, epoch=1)[0]]
    assert not any(same(a, b) for k, a in enumerate(others) for b in others[:k])


def test_an_epoch_has_its_number_of_tiles():
    tiles = crops(PLAIN, count=3)
    assert (len(tiles), len(list(tiles))) == (3, 3)
    for number in (-1, 3):
        with pytest.raises(IndexError):
            tiles[number]


def test_tiles_have_labels_and_sizes_of_their_scale():
    for tile in crops(PLAIN, count=60):
        assert tile.image.shape == (1, TILE_PX, TILE_PX)
        assert set(tile.agreement) <= {0.0, 0.5, 1.0}
        assert np.exp(-0.3) * 9 <= tile.smallest_px <= np.exp(0.3) * 9
        assert (tile.boxes >= 0).all()
        assert (tile.boxes <= TILE_PX).all()
    assert sum(bool(len(tile.boxes)) for tile in crops(PLAIN, count=60)) > 10


def test_tiles_stay_in_their_scene():
    """With a fifth of half their side beyond it, and what turning adds."""
    covered = [(tile.image != FILL).mean() for tile in crops([made_scene("a", np.zeros((200, 200), np.uint8), TRAIN)])]
    assert min(covered) > 0.6
    (tile,) = crops([made_scene("a", np.zeros((20, 20), np.uint8), TRAIN)], count=1)
    assert 0 < (tile.image != FILL).mean() < 0.5


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10**6), st.floats(0.15, 2), st.floats(0.05, 0.6))
def test_no_tile_touches_a_square_that_is_kept_for_validation(seed, block_deg, share):
    """Squares that are kept are white, all else is black: no tile is lighter than what lies beyond the scene."""
    col, row = np.meshgrid(np.arange(400) + 0.5, np.arange(400) + 0.5)
    numbers = square_numbers(*Ground(WKT, MOON_M).lonlat(col * GSD_M, -row * GSD_M), block_deg)
    squares = np.unique(numbers)
    rng = np.random.default_rng(seed)
    kept = rng.choice(squares, max(1, min(round(share * len(squares)), len(squares) - 1)), replace=False)
    is_kept = np.isin(numbers, kept)
    split = SceneSplit(None, frozenset(kept.tolist()), block_deg)
    scene = made_scene("a", np.where(is_kept, 255, 0).astype(np.uint8), split, [[180, 180, 210, 210]], [1])
    try:
        tiles = list(crops([scene], seed, count=4))
    except OrbitileError as error:
        assert "all reach into what is kept for validation" in str(error)
        assert block_deg < 0.6 or is_kept.mean() > 0.4
    else:
        assert max(tile.image.max() for tile in tiles) <= FILL + 20  # cubic interpolation exceeds what it is between


def test_no_tile_is_of_a_scene_that_is_kept_for_validation():
    scenes = [made_scene(name, np.full((90, 90), grey, np.uint8), split)
              for name, grey, split in (("a", 255, VALIDATION), ("b", 0, TRAIN), ("c", 255, VALIDATION))]  # fmt: skip
    assert max(tile.image.max() for tile in crops(scenes, count=200)) <= FILL + 20


def test_a_scene_without_room_for_a_tile_is_refused():
    """Not learnt from without a word."""
    numbers = square_numbers(*Ground(WKT, MOON_M).lonlat(np.array([100 * GSD_M]), np.array([-100 * GSD_M])), 2)
    scene = made_scene("a", NOISE, SceneSplit(None, frozenset(numbers.tolist()), 2))
    with pytest.raises(OrbitileError, match=r"^training\.tile_px: of \d+ tiles of 48 px .* larger training\.block_deg"):
        crops([scene])[0]


def test_half_of_the_tiles_lie_around_craters():
    """A crater in the corner of a large scene is on many more tiles than chance would have it."""
    scene = made_scene("a", np.zeros((2000, 2000), np.uint8), TRAIN, [[100, 100, 112, 112]], [1])
    share = np.mean([len(tile.boxes) > 0 for tile in crops([scene], count=200)])
    assert 0.3 < share <= 0.55


def test_a_batch_puts_tiles_together():
    tiles = [
        Crop(np.full((1, 100, 100), 7, np.uint8), np.array([[10.0, 20, 30, 60], [0, 0, 50, 50]]), np.array([0.5, 1]),
             8),
        Crop(np.full((1, 100, 100), 8, np.uint8), np.zeros((0, 4)), np.zeros(0), 9),
        Crop(np.full((1, 100, 100), 9, np.uint8), np.array([[90.0, 90, 100, 100]]), np.zeros(1), 10),
    ]  # fmt: skip
    batch = batch_of(tiles)
    assert batch.image.shape == (3, 1, 100, 100)
    assert batch.image[:, 0, 0, 0].tolist() == [7, 8, 9]
    assert batch.tile.tolist() == [0, 0, 2]
    assert torch.allclose(
        batch.boxes, torch.tensor([[0.2, 0.4, 0.2, 0.4], [0.25, 0.25, 0.5, 0.5], [0.95, 0.95, 0.1, 0.1]])
    )
    assert batch.agreement.tolist() == [0.5, 1, 0]
    assert batch.smallest_px.tolist() == [8, 9, 10]


def test_a_batch_without_craters():
    batch = batch_of([Crop(np.zeros((2, 32, 32), np.uint8), np.zeros((0, 4)), np.zeros(0), 8)])
    assert (batch.boxes.shape, batch.tile.shape, batch.image.shape) == ((0, 4), (0,), (1, 2, 32, 32))


def test_tiles_of_scenes_on_disk(tmp_path: Path):
    row = write_disc_scene(tmp_path, "a", np.array([[50, 50, 20]]), 100, bands=2)
    scene = LabelledScene(row, Ground(WKT, MOON_M), np.array([[40.0, 40, 60, 60]]), np.ones(1), 8, TRAIN,
                          ScenePixels(row, in_memory=False))  # fmt: skip
    tile = crops([scene])[0]
    assert tile.image.shape == (2, TILE_PX, TILE_PX)
    assert scene.is_for_training(Window(0, 0, 9, 9))
