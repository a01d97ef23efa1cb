"""The engine: reading, batches, the network and the caller's work on its predictions, all at once."""

from collections.abc import Generator, Iterator, Sequence
from functools import partial
from itertools import groupby

from orbitile.base.bounded_map import BoundedMap
from orbitile.base.cores import core_count
from orbitile.inference.engine.batches import Batcher
from orbitile.inference.engine.meter import Meter
from orbitile.inference.engine.passes import ForwardPasses, Prediction
from orbitile.inference.engine.tile_reader import TileReader, TileRow
from orbitile.inference.engine.views import SINGLE_VIEW, ViewFusion
from orbitile.inference.models.network import Network

MAX_READERS = 4


class Engine:
    """Sends rows of tiles through a network, `size` tiles in a pass, `workers` passes at once.

    `fusion` are the views in which each tile is searched; each is a pass of its own.
    """

    def __init__(
        self, network: Network, size: int, workers: int, meter: Meter, fusion: ViewFusion = SINGLE_VIEW
    ) -> None:
        self._network, self._workers, self._meter = network, workers, meter
        self._passes = ForwardPasses(network, size, meter, fusion)

    def search(self, rows: Sequence[TileRow]) -> Generator[Prediction, None, None]:
        """Predictions for all tiles, in order; the images of one are used again as soon as the next is requested.

        Tiles of another side wait for those before them: networks keep what depends on it.
        """
        for _, rows_of_side in groupby(rows, key=lambda row: row.view.side):
            yield from self._search_side(list(rows_of_side))

    def _search_side(self, rows: Sequence[TileRow]) -> Iterator[Prediction]:
        readers = min(MAX_READERS, core_count())
        reader = TileReader(rows, self._network.channels, readers, self._meter)
        batcher = Batcher(self._network, self._passes.size)
        passes = BoundedMap(self._workers, 2 * self._workers, partial(self._meter.waiting, "network"))
        self._meter.queues = dict(reading=reader.cells, network=passes)
        for prediction in passes.map(self._passes, batcher.batches(reader.tiles())):
            yield prediction
            batcher.recycle(prediction.batch)
