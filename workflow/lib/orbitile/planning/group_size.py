"""How many scenes one job works through, where the settings leave that open: by their pixels and what works on them."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from orbitile.base.cores import core_count
from orbitile.base.messages import format_count
from orbitile.settings import Settings
from orbitile.tables.plan import Grouping, PlanRow

GPU_DEVICES = "nvidia[0-9]*"
"""In /dev, of GPUs that a network can use."""


class WorkRange(NamedTuple):
    """The least and the most pixels, in 10^6 at all scales, that a group should have."""

    least_mpx: float
    most_mpx: float


ON_CORES, WITH_GPU, SUBMITTED = WorkRange(100, 400), WorkRange(400, 1600), WorkRange(2000, 10_000)
"""A core works through about 10^6 pixels a second, network included, and the jobs of a group take ten seconds to start:
of the smallest groups a tenth. A cluster's jobs take half a minute each to be submitted, started and noticed: the
smallest groups keep one for minutes, the largest for a quarter of an hour."""


class Workforce(NamedTuple):
    """What works on a run: so many cores of this machine at once, or so many jobs submitted to a cluster."""

    slots: int
    is_submitted: bool = False
    has_gpu: bool = False

    @classmethod
    def of_call(cls, submitted_jobs: int | None = None) -> "Workforce":
        """A cluster that takes so many jobs at a time, or (None) this machine."""
        if submitted_jobs is not None:
            return cls(submitted_jobs, is_submitted=True)
        return cls(core_count(), has_gpu=any(Path("/dev").glob(GPU_DEVICES)))

    @property
    def work_range(self) -> WorkRange:
        """The pixels that a group should have."""
        if self.is_submitted:
            return SUBMITTED
        return WITH_GPU if self.has_gpu else ON_CORES

    def __str__(self) -> str:
        if self.is_submitted:
            return f"a cluster that takes {self.slots:,} jobs at a time"
        return f"{format_count(self.slots, 'core')}{' and a GPU' * self.has_gpu}"


def choose_grouping(rows: Sequence[PlanRow], settings: Settings, workforce: Workforce) -> Grouping:
    """The number of scenes per group that the settings name, or one that suits the scenes and what works on them.

    As few groups as keep all cores (or slots of a cluster) busy, but none with too little work for its start, nor so
    much that it fails, and is run again, as a whole. Scenes whose group the scene table names do not count.
    """
    if isinstance(settings.scenes_per_group, int):
        return Grouping(settings.scenes_per_group)
    pixels = [searched_mpx(row, settings) for row in rows if row.group is None]
    if not pixels:
        return Grouping(1, str(workforce))
    mean = sum(pixels) / len(pixels)
    least = math.ceil(workforce.work_range.least_mpx / mean)
    most = max(1, math.floor(workforce.work_range.most_mpx / mean))
    return Grouping(min(max(math.ceil(len(pixels) / workforce.slots), least), most), str(workforce))


def searched_mpx(row: PlanRow, settings: Settings) -> float:
    """The pixels of a scene at all scales that are searched, in 10^6; at least one at each."""
    area_m2 = row.width * row.height * row.gsd_m**2
    return sum(max(area_m2 / scale.gsd_m**2, 1.0) for scale in settings.scales) / 1e6
