"""What the engine does and what it waits for, counted."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from orbitile.engine.flow import Flow

BUSY_ENOUGH = 0.8
"""Share of time from which on the network counts as kept busy."""
WARM_UP_SECONDS = 5
"""How long nothing is said of bottlenecks."""


class Meter:
    """Counts of one run of the engine; several threads tell it.

    `workers` passes through the network go on at once, of `size` tiles each. `queues` are the engine's, by name.
    """

    def __init__(self, workers: int = 1) -> None:
        self._lock, self._workers = threading.Lock(), workers
        self.size = 0
        self._start = time.monotonic()
        self.tiles = self.found = self.bytes_read = self.capped = 0
        self.queues: dict[str, Flow] = {}
        self._busy, self._waits = 0.0, dict.fromkeys(("reading", "network", "writing"), 0.0)

    def read(self, size: int) -> None:
        """Count bytes of pixels that were read."""
        with self._lock:
            self.bytes_read += size

    def passed(self, tiles: int, found: int, capped: int) -> None:
        """Count tiles that went through the network, what it found, and tiles where it may have found more."""
        with self._lock:
            self.tiles, self.found, self.capped = self.tiles + tiles, self.found + found, self.capped + capped

    def busy(self, seconds: float) -> None:
        """Count time of one pass through the network."""
        with self._lock:
            self._busy += seconds

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Count the time inside as spent on waiting for reading, for the network, or on writing."""
        start = time.monotonic()
        try:
            yield
        finally:
            self._waits[what] += time.monotonic() - start

    @property
    def seconds(self) -> float:
        """Since the start."""
        return max(time.monotonic() - self._start, 1e-9)

    @property
    def busy_share(self) -> float:
        """Share of the time that the network was at work, of all its workers."""
        return min(self._busy / self.seconds / self._workers, 1.0)

    @property
    def figures(self) -> dict[str, float]:
        """All figures under names with their units, for records."""
        waits = {f"waited_for_{what}_s": round(seconds, 2) for what, seconds in self._waits.items()}
        queues = {f"{name}_queue": queue.depth for name, queue in self.queues.items()}
        return dict(
            tiles=self.tiles, found=self.found, capped_tiles=self.capped, engine_s=round(self.seconds, 2),
            tiles_in_a_pass=self.size, tiles_per_s=round(self.tiles / self.seconds, 2),
            network_busy_percent=round(100 * self.busy_share, 1), read_mb=round(self.bytes_read / 1e6, 1),
        ) | waits | queues  # fmt: skip

    @property
    def bottleneck(self) -> str | None:
        """What the network waits for, in words; None where it is kept busy."""
        if self.seconds < WARM_UP_SECONDS or self.busy_share >= BUSY_ENOUGH:
            return None
        what = max(self._waits, key=self._waits.__getitem__)
        if what == "network":
            return "what comes before and after the network takes as long as itself: give the job more cores"
        percent = 100 * self._waits[what] / self.seconds
        return f"{percent:.0f} % of the time goes to waiting for {what}: a faster disk or more cores would help"
