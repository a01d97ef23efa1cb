"""The progress of a search of tiles, as lines of the log and figures of the job's record."""

import logging
import time

from orbitile.inference.engine.meter import Meter
from orbitile.jobs.pieces import JobWork

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 10
"""Least time between two lines."""


class ProgressLog:
    """Logs tiles done, rate, time left and bottlenecks; the figures go into the job's record."""

    def __init__(self, meter: Meter, work: JobWork) -> None:
        self._meter, self._work, self._last = meter, work, time.monotonic()
        self._warned = False

    def log_if_due(self) -> None:
        """Log the progress if the last line is PROGRESS_SECONDS old."""
        if time.monotonic() - self._last > PROGRESS_SECONDS:
            self._last = time.monotonic()
            self.log_progress()

    def log_progress(self) -> None:
        """Log the progress, and once the bottleneck."""
        meter, progress = self._meter, self._work.progress
        progress.figures = figures = meter.figures
        done, rate = progress.size_before + meter.tiles, meter.tiles / meter.seconds
        log.info(
            "%d of %d tiles, %d detections, %.1f tiles/s, network busy %.0f %%, %.0f MB of pixels read, %s left",
            done, progress.size, meter.detections, rate, figures["network_busy_percent"], figures["read_mb"],
            f"{(progress.size - done) / rate:.0f} s" if rate else "unknown time",
        )  # fmt: skip
        log.debug("%s", figures)
        if meter.bottleneck and not self._warned:
            self._warned = True
            log.warning("%s", meter.bottleneck)

    def log_summary(self) -> None:
        """Log the progress, and how many tiles have as many detections as the network can find."""
        self.log_progress()
        if self._meter.capped:
            log.warning(
                "%d tiles have as many detections as the network can find; it may have missed objects there: use a "
                "network without such a limit, or smaller tiles", self._meter.capped,
            )  # fmt: skip
