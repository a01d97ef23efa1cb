"""What the benchmarks share: the machine, processes of their own, time and memory of a call, tables."""

import contextlib
import json
import math
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

import yaml

ROOT = Path(__file__).parents[1]
Result = TypeVar("Result")
Record = dict[str, object]


def hardware() -> Record:
    """The machine, as far as it matters here."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return dict(cpu=model or platform.machine(), cores=cores(), memory_gb=round(memory / 1e9, 1))


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of those packages that are here."""
    names = {"python": platform.python_version()}
    for name in packages:
        with contextlib.suppress(PackageNotFoundError):
            names[name] = version(name)
    return names


def memory(key: str) -> float:
    """A line of /proc/self/status in 10^6 bytes. Unlike getrusage's, its peak does not begin with the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(f"{key}:"))


def forget_peak() -> float:
    """Let the peak begin anew at the memory in use, and return that (10^6 bytes)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def available_gb() -> float:
    """Memory that is free, or can be freed, in 10^9 bytes."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e9 for line in lines if line.startswith("MemAvailable"))


def goes_first() -> None:
    """Should memory run out, let this process go before others."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """End this process, wherever it is, when what is inside takes longer: nobody waits for the signal."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def measured(call: Callable[[], Result], limit: float) -> tuple[Result, Record]:
    """A call's result, its seconds and CPU seconds, and its peak memory, total and above what was in use (10^6 B)."""
    before = forget_peak()
    with limited(limit):
        wall, cpu = time.perf_counter(), time.process_time()
        result = call()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = memory("VmHWM")
    return result, dict(
        seconds=round(wall, 6), cpu_seconds=round(cpu, 6), peak_mb=round(peak - before, 1), total_mb=round(peak, 1)
    )


def best_of(call: Callable[[], Result], limit: float, most: int, enough: float = math.inf) -> tuple[Result, Record]:
    """As `measured`, the shortest of `most` calls or of as many as take `enough` seconds; peaks are the largest."""
    runs: list[Record] = []
    while not runs or (len(runs) < most and sum(run["seconds"] for run in runs) < enough):
        result, run = measured(call, limit)
        runs.append(run)
        if run["seconds"] == min(record["seconds"] for record in runs):
            best_result, best = result, run
    return best_result, best | {name: max(run[name] for run in runs) for name in ("peak_mb", "total_mb")}


def in_own_process(words: Sequence[object], variables: dict[str, str], limit: float) -> Record:
    """Run a Python script; the record in its last line, or why there is none."""
    command = [sys.executable, *(str(word) for word in words)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | variables)
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    if done.returncode == -signal.SIGALRM:
        return dict(seconds=None, reason=f"stopped after {limit:g} s")
    if done.returncode == -signal.SIGKILL:
        return dict(seconds=None, reason="killed, most likely for want of memory")
    print(done.stderr, file=sys.stderr)
    reason = f"ended by signal {-done.returncode}" if done.returncode < 0 else (done.stderr.splitlines() or [""])[-1]
    return dict(seconds=None, reason=f"failed: {reason}")


def workflow_command(folder: Path, settings: dict, targets: Sequence[str]) -> list[str]:
    """Write settings into a folder; the command that runs the workflow there, as `make demo` does."""
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump(settings))
    return [
        sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder),
        "--profile", str(ROOT / "profiles" / "local"), "--configfile", str(path), "--quiet", "host", "reason", "--",
        *targets,
    ]  # fmt: skip


def has_failed(records: Iterable[Record]) -> bool:
    """Whether a process broke, which is no result."""
    return any(str(record.get("reason", "")).startswith("failed") for record in records)


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *rows])
