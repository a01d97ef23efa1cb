"""What is said of a search while it goes on."""

import logging
import time

from orbitile.engine.meter import Meter
from orbitile.jobs.pieces import Work

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 10


class Telling:
    """Lines in the log about tiles done, rate, time left and bottlenecks; the figures go into the job's record."""

    def __init__(self, meter: Meter, work: Work) -> None:
        self._meter, self._work, self._last = meter, work, time.monotonic()
        self._warned = False

    def now_and_then(self) -> None:
        """Tell how far the work is, every few seconds."""
        if time.monotonic() - self._last > PROGRESS_SECONDS:
            self._last = time.monotonic()
            self.now()

    def now(self) -> None:
        """Tell how far the work is, and once what is slowest."""
        meter, progress = self._meter, self._work.progress
        progress.figures = figures = meter.figures
        done, rate = progress.size_before + meter.tiles, meter.tiles / meter.seconds
        log.info(
            "%d of %d tiles, %d detections, %.1f tiles/s, network busy %.0f %%, %.0f MB of pixels read, %.0f s left",
            done, progress.size, meter.found, rate, figures["network_busy_percent"], figures["read_mb"],
            (progress.size - done) / max(rate, 1e-9),
        )  # fmt: skip
        log.debug("%s", figures)
        if meter.bottleneck and not self._warned:
            self._warned = True
            log.warning("%s", meter.bottleneck)

    def at_the_end(self) -> None:
        """Tell the whole, and whether the network may have found more than it can tell."""
        self.now()
        if self._meter.capped:
            log.warning(
                "in %d tiles the network found as many objects as it can: more may be there", self._meter.capped
            )
