"""Measurements of the engine: tiles, pixels, and the time spent waiting for each stage."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from orbitile.base.bounded_map import BoundedMap

BUSY_ENOUGH = 0.8
"""Share of time from which on the network counts as kept busy."""
WARM_UP_SECONDS = 5
"""Seconds from the start without a word on bottlenecks."""


class Meter:
    """Counts of one run of the engine; several threads may call it.

    `workers` passes through the network go on at once, of `size` tiles each. `queues` are those of the engine, by the
    stage that fills them.
    """

    def __init__(self, workers: int = 1) -> None:
        self._lock, self._workers = threading.Lock(), workers
        self.size = 0
        self._start = time.monotonic()
        self.tiles = self.detections = self.bytes_read = self.capped = 0
        self.queues: dict[str, BoundedMap] = {}
        self._busy, self._waits = 0.0, dict.fromkeys(("reading", "network", "writing"), 0.0)

    def count_bytes(self, size: int) -> None:
        """Count bytes of pixels read."""
        with self._lock:
            self.bytes_read += size

    def count_pass(self, tiles: int, detections: int, capped: int) -> None:
        """Count tiles that went through the network, its detections, and tiles with as many as it can find."""
        with self._lock:
            self.tiles += tiles
            self.detections += detections
            self.capped += capped

    def count_busy(self, seconds: float) -> None:
        """Count the seconds of one pass through the network."""
        with self._lock:
            self._busy += seconds

    @contextmanager
    def waiting(self, stage: str) -> Iterator[None]:
        """Count the time inside as spent waiting for a stage: reading, network or writing."""
        start = time.monotonic()
        try:
            yield
        finally:
            self._waits[stage] += time.monotonic() - start

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return max(time.monotonic() - self._start, 1e-9)

    @property
    def busy_share(self) -> float:
        """Share of the time, 0..1, that the network's workers were at work."""
        return min(self._busy / self.seconds / self._workers, 1.0)

    @property
    def figures(self) -> dict[str, float]:
        """All figures under names with their units, for records."""
        waits = {f"waited_for_{stage}_s": round(seconds, 2) for stage, seconds in self._waits.items()}
        queues = {f"{name}_queue": queue.depth for name, queue in self.queues.items()}
        return dict(
            tiles=self.tiles, detections=self.detections, capped_tiles=self.capped, engine_s=round(self.seconds, 2),
            tiles_in_a_pass=self.size, tiles_per_s=round(self.tiles / self.seconds, 2),
            network_busy_percent=round(100 * self.busy_share, 1), read_mb=round(self.bytes_read / 1e6, 1),
        ) | waits | queues  # fmt: skip

    @property
    def bottleneck(self) -> str | None:
        """What slows the network down and the way out, in words; None where it is kept busy."""
        if self.seconds < WARM_UP_SECONDS or self.busy_share >= BUSY_ENOUGH:
            return None
        stage = max(self._waits, key=self._waits.__getitem__)
        if stage == "network":
            return "reading tiles and collecting detections take as long as the network: give the job more cores"
        percent = 100 * self._waits[stage] / self.seconds
        return f"{percent:.0f} % of the time is spent waiting for {stage}: a faster disk or more cores would help"
