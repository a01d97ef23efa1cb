"""Tiles put together to batches, in memory that is used again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import numpy as np
import torch

from orbitile.engine.reading import Tile
from orbitile.models.adapter import Network


@dataclass
class Batch:
    """Images (size, channels, side, side) of tiles, of which the first are filled in.

    `rows` and `places` say which tiles they are, `incomplete` where those are valid that are not everywhere, by
    number in the batch. `unread` are tiles without an image, as row, place and what went wrong.
    """

    images: torch.Tensor
    rows: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    incomplete: dict[int, np.ndarray] = field(default_factory=dict)
    unread: list[tuple[int, int, Exception]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def tiles(self) -> int:
        """How many tiles it holds, with an image or without."""
        return len(self.rows) + len(self.unread)

    def add(self, tile: Tile, reflects: bool) -> None:
        """Fill in one more tile."""
        number = len(self.rows)
        try:
            valid = tile.into(self.images.numpy()[number], reflects)
        except Exception as error:
            self.unread.append((tile.row, tile.place, error))
            return
        if valid is not None:
            self.incomplete[number] = valid
        self.rows.append(tile.row)
        self.places.append(tile.place)


class Batcher:
    """Puts tiles of one side together to batches of `size`."""

    def __init__(self, network: Network, size: int) -> None:
        self._network, self._size = network, size
        self._idle: SimpleQueue[torch.Tensor] = SimpleQueue()

    def batches(self, tiles: Iterable[Tile]) -> Iterator[Batch]:
        """Batches of the tiles, in order."""
        batch = None
        for tile in tiles:
            if batch is not None and batch.tiles == self._size:
                yield batch
                batch = None
            if batch is None:
                batch = Batch(self._images(tile.view.side))
            batch.add(tile, self._network.reflects)
        if batch is not None:
            yield batch

    def give_back(self, batch: Batch) -> None:
        """Let a batch's memory be used for another."""
        self._idle.put(batch.images)

    def _images(self, side: int) -> torch.Tensor:
        shape = (self._size, self._network.channels, side, side)
        try:
            return self._idle.get_nowait()
        except Empty:
            return torch.zeros(shape, dtype=torch.uint8, pin_memory=self._network.device.type == "cuda")
