"""Tiles gathered into batches, in memory that is used again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import numpy as np
import torch

from orbitile.inference.engine.tile_reader import TilePixels
from orbitile.inference.models.network import Network


@dataclass
class Batch:
    """Images (size, channels, side, side) of tiles, of which the first are filled in.

    `row_numbers` and `positions` tell the row of each tile and its position in it. `incomplete` holds, by number in the
    batch, the valid pixels (side, side) of tiles that are not valid everywhere. `unreadable` are tiles without an
    image: row, position and error.
    """

    images: torch.Tensor
    row_numbers: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    incomplete: dict[int, np.ndarray] = field(default_factory=dict)
    unreadable: list[tuple[int, int, Exception]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.row_numbers)

    @property
    def tiles(self) -> int:
        """Number of tiles, with an image or without."""
        return len(self.row_numbers) + len(self.unreadable)

    def add(self, tile: TilePixels, reflect_padding: bool) -> None:
        """Read a tile into the next image; one that fails goes to `unreadable`."""
        number = len(self.row_numbers)
        try:
            valid = tile.fill(self.images.numpy()[number], reflect_padding)
        except Exception as error:
            self.unreadable.append((tile.row, tile.position, error))
            return
        if valid is not None:
            self.incomplete[number] = valid
        self.row_numbers.append(tile.row)
        self.positions.append(tile.position)


class Batcher:
    """Gathers tiles of one side into batches of `size`."""

    def __init__(self, network: Network, size: int) -> None:
        self._network, self._size = network, size
        self._idle: SimpleQueue[torch.Tensor] = SimpleQueue()

    def batches(self, tiles: Iterable[TilePixels]) -> Iterator[Batch]:
        """Batches of the tiles, in order."""
        batch = None
        for tile in tiles:
            if batch is not None and batch.tiles == self._size:
                yield batch
                batch = None
            if batch is None:
                batch = Batch(self._images(tile.view.side))
            batch.add(tile, self._network.reflect_padding)
        if batch is not None:
            yield batch

    def recycle(self, batch: Batch) -> None:
        """Let a batch's memory be used for another batch."""
        self._idle.put(batch.images)

    def _images(self, side: int) -> torch.Tensor:
        shape = (self._size, self._network.channels, side, side)
        try:
            return self._idle.get_nowait()
        except Empty:
            return torch.zeros(shape, dtype=torch.uint8, pin_memory=self._network.device.type == "cuda")
