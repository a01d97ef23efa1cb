"""What a detector learns from, batch by batch, and the tiles that it is judged on."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby

import torch
from lightning.pytorch import LightningDataModule
from torch.utils.data import DataLoader

from orbitile.base.cores import core_count
from orbitile.base.errors import OrbitileError
from orbitile.training.detection.dataset import CropDrawing, RandomCrops, batch_of
from orbitile.training.detection.labelled_scenes import LabelledScene
from orbitile.training.detection.module import DetectorModule
from orbitile.training.detection.network import build_detector
from orbitile.training.detection.recipe import DetectorRecipe
from orbitile.training.detection.search import ValidationSet
from orbitile.training.detection.validation import SearchScale, ValidationTile, validation_tiles
from orbitile.training.fit import FitOptions

WORKERS = 8
"""Largest number of processes that cut tiles for a GPU."""
SEARCHED_AT_ONCE = 8
"""Validation tiles in a pass."""


class DetectorBatches(LightningDataModule):
    """Batches of training tiles, other ones each epoch, and the tiles of the validation scenes."""

    def __init__(
        self, scenes: Sequence[LabelledScene], recipe: DetectorRecipe, scales: Mapping[float, SearchScale],
        options: FitOptions,
    ) -> None:  # fmt: skip
        super().__init__()
        self.scenes, self.scales = scenes, scales
        self.options, self._recipe = options, recipe
        self._drawing = CropDrawing(recipe.tile_px, recipe.changes, recipe.tiles_per_epoch, recipe.seed)

    def module(self) -> DetectorModule:
        """The network to be trained on them; OrbitileError where an epoch has no batch."""
        recipe = self._recipe
        if recipe.tiles_per_epoch < recipe.batch:
            raise OrbitileError(f"training.tiles_per_epoch: {recipe.tiles_per_epoch}, but training.batch is "
                                f"{recipe.batch}; draw more tiles, or take fewer for a batch")  # fmt: skip
        torch.manual_seed(recipe.seed)
        network = build_detector(recipe.start_from, self.scenes[0].bands, recipe.epochs)
        steps = recipe.epochs * (recipe.tiles_per_epoch // recipe.batch)
        return DetectorModule(network, recipe, self.validation, steps)

    def train_dataloader(self) -> DataLoader:
        """Batches of this epoch."""
        assert self.trainer is not None  # Lightning sets it before it asks for batches
        return self.loader(self.trainer.current_epoch)

    def loader(self, epoch: int) -> DataLoader:
        """Batches of an epoch."""
        recipe, on_gpu = self._recipe, self.options.is_cuda
        return DataLoader(
            RandomCrops(self.scenes, self._drawing, epoch), recipe.batch, collate_fn=batch_of, drop_last=True,
            num_workers=min(WORKERS, core_count() - 1) if on_gpu else 0, pin_memory=on_gpu, generator=torch.Generator(),
        )  # fmt: skip

    def val_dataloader(self) -> "TileLists":
        """All tiles of the validation scenes, in lists."""
        return TileLists(self._validation_tiles)

    @cached_property
    def _validation_tiles(self) -> list[ValidationTile]:
        return sorted(validation_tiles(self.scenes, self.scales), key=lambda tile: tile.image.shape[-1])

    @property
    def validation(self) -> ValidationSet:
        """What the network is judged on."""
        return ValidationSet(self.scenes, self.scales, max(self._recipe.labelled_from_px, self.least_px))

    @property
    def least_px(self) -> float:
        """The smallest object that a run reports, in pixels of the finest scale."""
        return self.scales[min(self.scales)].limits.min_object_px


class TileLists:
    """Validation tiles in lists of SEARCHED_AT_ONCE, all of a list of the same side."""

    def __init__(self, tiles: Sequence[ValidationTile]) -> None:
        by_side = [list(members) for _, members in groupby(tiles, key=lambda tile: tile.image.shape[-1])]
        self._lists = [
            members[first : first + SEARCHED_AT_ONCE]
            for members in by_side
            for first in range(0, len(members), SEARCHED_AT_ONCE)
        ]

    def __len__(self) -> int:
        return len(self._lists)

    def __iter__(self) -> Iterator[Sequence[ValidationTile]]:
        return iter(self._lists)
