"""The files of a job, all below the run's folder: its table, log, lock, record and failures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from orbitile.pipeline import RULES, TABLE_FOLDERS

WHOLE_RUN = "_run"
"""Stands for the group in jobs that work on the whole run; no group can have this name."""


@dataclass(frozen=True, order=True)
class JobPaths:
    """A job, as its rule and its group (or WHOLE_RUN) in a run's folder, and the paths of its files."""

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
        """The rule's table of the group; only rules of orbitile.pipeline.TABLE_FOLDERS have one."""
        return self.results / TABLE_FOLDERS[self.rule] / f"{self.group}.parquet"

    @property
    def result(self) -> Path | None:
        """Its table, or the file to request it by; None where the rule has neither."""
        if self.rule in TABLE_FOLDERS:
            return self.table
        target = RULES[self.rule].target if self.rule in RULES else None
        return self.results / target.format(self.group) if target else None

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
        """The record of the job's attempts (see orbitile.jobs.records)."""
        return self.results / "jobs" / self.rule / f"{self.group}.json"

    @property
    def failures(self) -> Path:
        """The failures of the job's last attempt; no file where nothing failed."""
        return self.results / "failures" / self.rule / f"{self.group}.parquet"


def recorded_jobs(results: Path) -> list[JobPaths]:
    """All jobs of a run that have left a record, by rule and group."""
    records = sorted((results / "jobs").glob("*/*.json"))
    return [JobPaths(results, path.parent.name, path.stem) for path in records if not path.name.startswith(".")]
