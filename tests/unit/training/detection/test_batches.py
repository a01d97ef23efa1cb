import numpy as np
import pytest
import torch
from disc_scenes import GSD_M, MOON_M, WKT

from orbitile.base.errors import OrbitileError
from orbitile.detections.tiling import SizeLimits, TileSize
from orbitile.space.grids import Window
from orbitile.space.ground import Ground
from orbitile.tables.rasters import RasterRow
from orbitile.training.detection.batches import DetectorBatches, TileLists
from orbitile.training.detection.labelled_scenes import LabelledScene, ScenePixels, SceneSplit
from orbitile.training.detection.recipe import DetectorRecipe
from orbitile.training.detection.validation import SearchScale, ValidationTile
from orbitile.training.fit import FitOptions

OPTIONS = FitOptions(section="training", epochs=2, patience=2, seed=0, device="cpu")


class FlatPixels(ScenePixels):
    def __init__(self, side: int) -> None:
        self._row = RasterRow("a", GSD_M, "", WKT, [], side, side, 1, [0], [255], "")
        self._whole = np.zeros((1, side, side), np.uint8)


def made_batches(**changes: object) -> DetectorBatches:
    """Of a scene to learn from, and another one that is kept, at two scales."""
    recipe = DetectorRecipe(**dict(tile_px=64, tiles_per_epoch=10, batch=4, device="cpu") | changes)
    scenes = [
        LabelledScene(
            RasterRow(name, scale_m, "", WKT, [scale_m, 0, 0, 0, -scale_m, 0], side, side, 1, [0], [255], ""),
            Ground(WKT, MOON_M), np.zeros((0, 4)), np.zeros(0), 8, SceneSplit(split), FlatPixels(side),
        )
        for scale_m, side in ((100.0, 200), (200.0, 100)) for name, split in (("a", "train"), ("b", "val"))
    ]  # fmt: skip
    limits = SizeLimits(4, 6, 40, True)
    scales = {100.0: SearchScale(TileSize(96, 32), limits), 200.0: SearchScale(TileSize(64, 32), limits)}
    return DetectorBatches(scenes, recipe, scales, OPTIONS)


def test_an_epoch_has_full_batches_alone():
    batches = list(made_batches().loader(0))
    assert [len(batch.image) for batch in batches] == [4, 4]


def test_batches_are_other_ones_each_epoch_and_the_same_again():
    data = made_batches(augmentation=dict(noise=1))
    first, again, other = (next(iter(data.loader(epoch))).image for epoch in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_fewer_tiles_than_a_batch_are_refused():
    with pytest.raises(OrbitileError, match=r"^training\.tiles_per_epoch: 3, but training\.batch is 4; draw more"):
        made_batches(tiles_per_epoch=3).module()


def test_validation_tiles_come_in_lists_of_the_same_side():
    lists = list(made_batches().val_dataloader())
    assert all(len({tile.image.shape for tile in tiles}) == 1 for tiles in lists)
    assert [len(tiles) for tiles in lists] == [8, 1, 8, 1]
    assert [tiles[0].image.shape[-1] for tiles in lists] == [64, 64, 96, 96]
    assert {tile.scene for tiles in lists for tile in tiles} == {1, 3}


@pytest.mark.parametrize(
    ("sides", "lengths"),
    [([], []), ([64] * 8, [8]), ([64] * 9, [8, 1]), ([32, 64, 64], [1, 2]), ([32] * 9 + [64], [8, 1, 1])],
)
def test_lists_of_tiles(sides: list[int], lengths: list[int]):
    tiles = [ValidationTile(0, Window(0, 0, s, s), (0, 0, 1, 1), np.zeros((1, s, s), np.uint8)) for s in sides]
    lists = TileLists(tiles)
    assert (len(lists), [len(members) for members in lists]) == (len(lengths), lengths)
    assert [id(tile) for members in lists for tile in members] == [id(tile) for tile in tiles]


@pytest.mark.parametrize(("labelled_from_px", "least_px"), [(4, 6), (9, 9)])
def test_neither_what_is_not_labelled_nor_what_a_run_does_not_report_is_judged(labelled_from_px, least_px):
    data = made_batches(labelled_from_px=labelled_from_px)
    assert data.validation.least_px == least_px
    assert data.validation.finest_m == 100
