"""The record of a job: how its attempts ended, how long they took and what they used."""

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
from typing import Protocol

import psutil

from orbitile.base.files import write_text
from orbitile.jobs.pieces import JobProgress

WRITE_SECONDS = 2
RUNNING, DONE, FAILED, STOPPED, LOST = "running", "done", "failed", "stopped", "lost"
INTERRUPTED = "interrupted"
"""The reason of an attempt that was stopped by Ctrl-C."""


@dataclass(frozen=True)
class Attempt:
    """One attempt at a job.

    Times are seconds since 1970. `cpu_s` and `memory_mb` (10^6 bytes, at its peak) are those of the process.

    `state` is running, done, failed, stopped (by SIGTERM or Ctrl-C) or lost (killed before it could write its end).
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
    progress: JobProgress = field(default_factory=JobProgress)


class Recorder:
    """Keeps a job's record on disk up to date while it runs."""

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        self._earlier = [as_lost(attempt) for attempt in read_attempts(path)]
        started = psutil.Process().create_time()
        self._attempt = Attempt(started, socket.gethostname(), threads, os.environ.get("SLURM_JOB_ID"))
        self._written = 0.0
        self._gpu = _Gpu()
        self.update(JobProgress())

    def update(self, progress: JobProgress) -> None:
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
        cpu_s, memory_mb = _process_usage()
        gpu_memory_mb, gpu_percent = self._gpu.usage()
        self._attempt = replace(
            self._attempt, cpu_s=cpu_s, memory_mb=memory_mb, gpu_memory_mb=gpu_memory_mb, gpu_percent=gpu_percent
        )
        write_text(self._path, json.dumps([asdict(attempt) for attempt in (*self._earlier, self._attempt)]))


def read_attempts(path: Path) -> list[Attempt]:
    """All attempts at a job, oldest first; none where there is no record, or none that can be read."""
    try:
        rows = json.loads(path.read_text())
        return [Attempt(**row | dict(progress=JobProgress(**row["progress"]))) for row in rows]
    except (FileNotFoundError, ValueError, TypeError, KeyError):  # cut short when the power failed; of another version
        return []


def as_lost(attempt: Attempt) -> Attempt:
    """An attempt as lost, where its record says that it runs but no process works on it any more."""
    return replace(attempt, state=LOST) if attempt.state == RUNNING else attempt


def format_utc(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC; empty where unknown (NaN)."""
    return "" if math.isnan(seconds) else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _process_usage() -> tuple[float, float]:
    """CPU seconds, those of ended child processes too, and the largest resident memory, in 10^6 bytes."""
    process, children = (resource.getrusage(scope) for scope in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu_s = sum(usage.ru_utime + usage.ru_stime for usage in (process, children))
    return round(cpu_s, 2), round((_peak_memory_kib() or process.ru_maxrss) * 1024 / 1e6, 1)


def _peak_memory_kib() -> int | None:
    """The largest resident memory, where the system tells it of this program alone.

    What getrusage tells begins with that of the process which started this one: Snakemake's, larger than many a job's.
    """
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return None


class _Cuda(Protocol):
    """What is used of the module torch.cuda."""

    def utilization(self) -> int: ...

    def max_memory_reserved(self) -> int: ...


class _Gpu:
    """Samples the GPU of a job that uses one through torch; without one its figures are None."""

    def __init__(self) -> None:
        self._percents: list[int] = []

    def sample(self) -> None:
        if (cuda := _cuda()) is not None:
            with suppress(Exception):  # some drivers and shared GPUs give no utilisation; that must stop no job
                self._percents.append(cuda.utilization())

    def usage(self) -> tuple[float, float] | tuple[None, None]:
        """Largest memory reserved (10^6 bytes) and mean utilisation (percent)."""
        if (cuda := _cuda()) is None:
            return None, None
        percent = sum(self._percents) / len(self._percents) if self._percents else 0.0
        return round(cuda.max_memory_reserved() / 1e6, 1), round(percent, 1)


def _cuda() -> _Cuda | None:
    """The module torch.cuda, where this process has begun to use a GPU; None elsewhere, without importing torch."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    is_initialized = getattr(cuda, "is_initialized", None)  # none of a module that is being imported
    return cuda if is_initialized is not None and is_initialized() else None
