"""A lock that names its holder, and is taken over when the holder is gone."""

import fcntl
import json
import logging
import os
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from orbitile.errors import OrbitileError

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 10
GONE_AFTER_SECONDS = 120
"""A holder on another machine is gone when its last sign of life is this old, by the clock of the
file system; longer than network file systems keep such times in their caches (60 s)."""
ASK_SECONDS = 2


@dataclass(frozen=True)
class Holder:
    """A process that holds a lock; `machine` tells apart boots and containers, `started` reused pids."""

    host: str
    machine: str
    pid: int
    started: int
    slurm_job: str | None
    mark: str

    def __str__(self) -> str:
        job = f"Slurm job {self.slurm_job}, " if self.slurm_job else ""
        return f"{job}process {self.pid} on {self.host}"


def this_process() -> Holder:
    """The running process as a holder."""
    pid, job = os.getpid(), os.environ.get("SLURM_JOB_ID")
    return Holder(socket.gethostname(), _machine(), pid, _started(pid), job, uuid.uuid4().hex)


def holder_of(path: Path) -> Holder | None:
    """Who holds a lock; None where nobody does."""
    try:
        return _parse(path.read_text())
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _parse(text: str) -> Holder:
    return Holder(**json.loads(text))


def has_ended(holder: Holder, path: Path) -> bool:
    """Tell whether a lock's holder is gone, as the lock shows or as Slurm knows."""
    return is_gone(holder, path) or slurm_has_ended(holder)


def is_gone(holder: Holder, path: Path) -> bool:
    """Tell whether a lock's holder has ended without giving the lock back."""
    if holder.machine == _machine():
        return not _is_running(holder)
    return _age(path) > GONE_AFTER_SECONDS


def slurm_has_ended(holder: Holder) -> bool:
    """Tell whether Slurm knows that a holder's job is over; sooner than its heartbeat would.

    A job that was put back into the queue runs again under its number: its earlier process is gone.
    """
    if holder.slurm_job is None or holder.machine == _machine():
        return False
    if holder.slurm_job == os.environ.get("SLURM_JOB_ID"):
        return True
    alive = slurm_jobs_alive([holder.slurm_job])
    return alive is not None and holder.slurm_job not in alive


def slurm_jobs_alive(jobs: Iterable[str]) -> set[str] | None:
    """Those of some Slurm jobs that are in the queue or run; None where Slurm does not answer."""
    try:
        command = ["squeue", "--noheader", "--format=%A", f"--jobs={','.join(jobs)}"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    known = answer.returncode == 0 or "Invalid job id" in answer.stderr
    return set(answer.stdout.split()) if known else None


@contextmanager
def held(path: Path) -> Iterator[Holder]:
    """Hold a lock, after waiting for its holder or taking over from one that is gone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    me = this_process()
    _acquire(path, me)
    done = threading.Event()
    threading.Thread(target=_beat, args=(path, done), daemon=True).start()
    try:
        yield me
    finally:
        done.set()
        if holder_of(path) == me:
            path.unlink(missing_ok=True)


def _acquire(path: Path, me: Holder) -> None:
    said = None
    while not _create(path, me):
        holder = holder_of(path)
        if holder is None:
            _refuse_garbage(path)
        elif has_ended(holder, path):
            log.warning("taking over from %s, which is gone", holder)
            _take_away(path, holder)
        else:
            if said != holder:
                log.warning("waiting for %s, which is doing the same work", holder)
                said = holder
            time.sleep(ASK_SECONDS)


def _refuse_garbage(path: Path) -> None:
    """Refuse a file in the lock's place that names nobody; a lock given back this moment is none."""
    try:
        _parse(path.read_text())
    except FileNotFoundError:
        return
    except (ValueError, TypeError) as error:
        raise OrbitileError(f"{path}: not a lock; delete it and run again") from error


def _create(path: Path, me: Holder) -> bool:
    """Make the lock appear with its content, unless it is there: a hard link does so on any file system."""
    draft = path.with_name(f".{path.name}.{me.mark[:8]}")
    try:
        draft.write_text(json.dumps(asdict(me)))
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def _take_away(path: Path, gone: Holder) -> None:
    """Remove the lock of a holder that is gone, one taker at a time, so that nobody removes another's new lock."""
    gate = os.open(path.parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without such locks leaves a gap of some microseconds
            fcntl.flock(gate, fcntl.LOCK_EX)
        if holder_of(path) == gone:
            path.unlink(missing_ok=True)
    finally:
        os.close(gate)


def _beat(path: Path, done: threading.Event) -> None:
    """Give a sign of life until the work is done."""
    while not done.wait(HEARTBEAT_SECONDS):
        with suppress(OSError):  # a file system may be away for a while
            os.utime(path)


def _age(path: Path) -> float:
    """Seconds since a lock's last sign of life, by the file system's own clock."""
    probe = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
    finally:
        probe.unlink(missing_ok=True)


def _is_running(holder: Holder) -> bool:
    return _started(holder.pid) == holder.started


def _started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (proc(5)), which no change of the clock moves.

    None for one that has ended, even if nobody has asked for its exit code yet.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _machine() -> str:
    """A name for this boot of this machine and this view of its processes (containers have their own)."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}-{Path('/proc/self/ns/pid').readlink()}"
