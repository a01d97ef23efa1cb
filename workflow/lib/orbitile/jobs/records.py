"""The record of a job: what its attempts did, how long they took and what they used."""

import json
import math
import os
import resource
import socket
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import psutil

from orbitile.files import write_text
from orbitile.jobs.pieces import Progress

WRITE_SECONDS = 2
RUNNING, DONE, FAILED, STOPPED, LOST = "running", "done", "failed", "stopped", "lost"


@dataclass(frozen=True)
class Attempt:
    """One attempt at a job. Times are seconds since 1970; `cpu_s` and `memory_mb` are the whole process's.

    `state` is running, done, failed, stopped (told to end) or lost (killed without a word).
    """

    started: float
    host: str
    threads: int
    slurm_job: str | None
    ended: float | None = None
    state: str = RUNNING
    reason: str = ""
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    gpu_memory_mb: float | None = None
    gpu_percent: float | None = None
    progress: Progress = field(default_factory=Progress)


class Recorder:
    """Keeps a job's record on disk up to date while it runs."""

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        self._before = [given_up(attempt) for attempt in read_attempts(path)]
        started = psutil.Process().create_time()
        self._attempt = Attempt(started, socket.gethostname(), threads, os.environ.get("SLURM_JOB_ID"))
        self._written = 0.0
        self._gpu = _Gpu()
        self.tell(Progress())

    def tell(self, progress: Progress) -> None:
        """Note the progress; written to disk every few seconds."""
        self._attempt = replace(self._attempt, progress=progress)
        self._gpu.sample()
        if time.monotonic() - self._written > WRITE_SECONDS:
            self._write()

    def end(self, state: str, reason: str = "") -> None:
        """Close the record of this attempt."""
        self._attempt = replace(self._attempt, ended=time.time(), state=state, reason=reason)
        self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        self._attempt = replace(self._attempt, **_usage(), **self._gpu.usage())
        write_text(self._path, json.dumps([asdict(one) for one in (*self._before, self._attempt)]))


def read_attempts(path: Path) -> list[Attempt]:
    """All attempts at a job, oldest first; none where there is no record."""
    try:
        found = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):  # none yet, or torn when the power failed
        return []
    return [Attempt(**one | dict(progress=Progress(**one["progress"]))) for one in found]


def given_up(attempt: Attempt) -> Attempt:
    """An attempt that nobody works on any more: it has ended, if only with a crash."""
    return replace(attempt, state=LOST) if attempt.state == RUNNING else attempt


def utc(moment: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC; empty where not known (NaN)."""
    return "" if math.isnan(moment) else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def _usage() -> dict[str, float]:
    """CPU seconds, those of ended child processes too, and the largest resident memory, in 10^6 bytes."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return dict(cpu_s=round(cpu, 2), memory_mb=round(usages[0].ru_maxrss * 1024 / 1e6, 1))


class _Gpu:
    """Samples the GPU of a job that uses one through torch; others have nothing to tell."""

    def __init__(self) -> None:
        self._percents: list[int] = []

    def sample(self) -> None:
        if (cuda := _cuda()) is not None:
            with suppress(Exception):  # some drivers and shared GPUs do not tell; that must stop no job
                self._percents.append(cuda.utilization())

    def usage(self) -> dict[str, float | None]:
        if (cuda := _cuda()) is None:
            return dict(gpu_memory_mb=None, gpu_percent=None)
        percent = sum(self._percents) / len(self._percents) if self._percents else 0.0
        return dict(gpu_memory_mb=round(cuda.max_memory_reserved() / 1e6, 1), gpu_percent=round(percent, 1))


def _cuda() -> object | None:
    """Torch's view of the GPU, where this process has begun to use one."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
