"""The engine as a whole: reading, batches, the network and what follows, all at work at once."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby

from orbitile.cores import cores
from orbitile.engine.batches import Batcher
from orbitile.engine.flow import Flow
from orbitile.engine.meter import Meter
from orbitile.engine.passes import Answer, Passes
from orbitile.engine.reading import Reader, TileRow
from orbitile.models.adapter import Network

MOST_READERS = 4


class Engine:
    """Sends rows of tiles through a network, `size` tiles in a pass, `workers` passes at once."""

    def __init__(self, network: Network, size: int, workers: int, meter: Meter) -> None:
        self._network, self._workers, self._meter = network, workers, meter
        self._passes = Passes(network, size, meter)

    def search(self, rows: Sequence[TileRow]) -> Iterator[Answer]:
        """Answers for all tiles, in order; each one's images are used again as soon as the next one is asked for.

        Tiles of another side wait for those before them: networks keep what depends on it.
        """
        for _, alike in groupby(rows, key=lambda row: row.view.side):
            yield from self._search_alike(list(alike))

    def _search_alike(self, rows: Sequence[TileRow]) -> Iterator[Answer]:
        readers = min(MOST_READERS, cores())
        reader = Reader(rows, self._network.channels, readers, self._meter)
        batcher = Batcher(self._network, self._passes.size)
        flow = Flow(self._workers, 2 * self._workers, partial(self._meter.waiting, "network"))
        self._meter.queues = dict(reading=reader.flow, network=flow)
        for answer in flow.map(self._passes, batcher.batches(reader.tiles())):
            yield answer
            batcher.give_back(answer.batch)
