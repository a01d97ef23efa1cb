"""Where a job keeps its table, its pieces and what it leaves beside them: all below the run's folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self


class Last(NamedTuple):
    """The rule at the end of a chain, its table of the whole run, what it says of that, and what people call it."""

    rule: str
    table: str
    proof: str
    word: str


WHOLE_RUN = "_run"
"""Stands for the group in jobs that work on the whole run; no group can be called so."""
DETECTION, SEGMENTATION = "detection", "segmentation"
_SEARCH = dict(georeference="georeferenced", downsample="scaled", tile="tiles", infer="raw")
CHAINS = {
    DETECTION: _SEARCH | dict(untile="detections", suppress="suppressed", vectorise="vectors"),
    SEGMENTATION: _SEARCH | dict(stitch="stitched", outline="outlines"),
}
"""Where each stage's table of a group lies, in the order of the chain: of one that finds objects, of one that maps."""
BEFORE = dict(isis="isis")
"""Tables of stages that only some groups need, before their chain."""
TABLES = BEFORE | CHAINS[DETECTION] | CHAINS[SEGMENTATION]
LAST = {
    DETECTION: Last("catalogue", "catalogue/craters.parquet", "catalogue/craters.json", "catalogue"),
    SEGMENTATION: Last("unite", "map/polygons.parquet", "map/polygons.json", "map"),
}
"""What makes one table of all groups at the end of each chain."""
WORK_FOLDERS = dict(
    isis="work/isis", georeference="rasters", downsample="rasters", tile="work/tile", infer="work/infer",
    stitch="probability", outline="work/outline",
)  # fmt: skip
"""Where each stage keeps its pieces, in a folder per scene."""


@dataclass(frozen=True, order=True)
class Place:
    """A job's rule and group (or scene, or WHOLE_RUN) in a run's folder."""

    results: Path
    rule: str
    group: str

    @classmethod
    def of_log(cls, log: str | Path) -> Self:
        """The job that logs to results/<run>/logs/<rule>/<group>.log, or logs/<rule>.log for the whole run."""
        path = Path(log)
        if path.parent.name == "logs":
            return cls(path.parent.parent, path.stem, WHOLE_RUN)
        return cls(path.parents[2], path.parent.name, path.name.removesuffix(".log"))

    @property
    def table(self) -> Path:
        """The stage's table of the group; stages of the chain and those before it (see TABLES) have one."""
        return self.results / TABLES[self.rule] / f"{self.group}.parquet"

    @property
    def log(self) -> Path:
        """The job's log."""
        folder = self.results / "logs"
        return folder / f"{self.rule}.log" if self.group == WHOLE_RUN else folder / self.rule / f"{self.group}.log"

    @property
    def lock(self) -> Path:
        """The job's lock while it runs."""
        return self.results / "jobs" / self.rule / f"{self.group}.lock"

    @property
    def record(self) -> Path:
        """What the job's attempts did and used."""
        return self.results / "jobs" / self.rule / f"{self.group}.json"

    @property
    def failures(self) -> Path:
        """What failed in the job's last attempt; no file where nothing did."""
        return self.results / "failures" / self.rule / f"{self.group}.parquet"


def places(results: Path) -> list[Place]:
    """All jobs of a run that have left a record, by rule and group."""
    records = sorted((results / "jobs").glob("*/*.json"))
    return [Place(results, path.parent.name, path.stem) for path in records if not path.name.startswith(".")]
