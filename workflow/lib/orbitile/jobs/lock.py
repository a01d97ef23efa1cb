"""A lock file that names the process that holds it, and is taken over when that process has ended."""

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

from orbitile.base.errors import OrbitileError, name_file
from orbitile.base.files import sync

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 10
GONE_AFTER_SECONDS = 120
"""A holder on another machine counts as ended when its last heartbeat is this old, by the clock of the
file system; longer than network file systems keep such times in their caches (60 s)."""
POLL_SECONDS = 2


@dataclass(frozen=True)
class LockHolder:
    """A process that holds a lock.

    `machine` tells boots and containers apart, `started` (clock ticks since boot) processes that reuse a pid, `mark`
    the locks of one process.
    """

    host: str
    machine: str
    pid: int
    started: int | None
    slurm_job: str | None
    mark: str

    def __str__(self) -> str:
        job = f"Slurm job {self.slurm_job}, " if self.slurm_job else ""
        return f"{job}process {self.pid} on {self.host}"


def this_process() -> LockHolder:
    """The running process as the holder of a lock."""
    pid, job = os.getpid(), os.environ.get("SLURM_JOB_ID")
    return LockHolder(socket.gethostname(), _machine(), pid, _started(pid), job, uuid.uuid4().hex)


def lock_holder(path: Path) -> LockHolder | None:
    """The holder of a lock; None where it is free."""
    try:
        return _parse(path.read_text())
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _parse(text: str) -> LockHolder:
    return LockHolder(**json.loads(text))


def has_ended(holder: LockHolder, path: Path) -> bool:
    """Tell whether a lock's holder has ended, by the lock or by Slurm."""
    return holder_is_gone(holder, path) or slurm_has_ended(holder)


def holder_is_gone(holder: LockHolder, path: Path) -> bool:
    """Tell whether a lock's holder has ended without releasing it, by its process or by the age of its heartbeat."""
    if holder.machine == _machine():
        return not _is_running(holder)
    return _age(path) > GONE_AFTER_SECONDS


def slurm_has_ended(holder: LockHolder) -> bool:
    """Tell whether a holder's Slurm job has ended; sooner than its heartbeat would.

    A job that was put back into the queue runs again under its number: its earlier process has ended.
    """
    if holder.slurm_job is None or holder.machine == _machine():
        return False
    if holder.slurm_job == os.environ.get("SLURM_JOB_ID"):
        return True
    live = live_slurm_jobs([holder.slurm_job])
    return live is not None and holder.slurm_job not in live


def live_slurm_jobs(jobs: Iterable[str]) -> set[str] | None:
    """The Slurm jobs that are in the queue or run; None where Slurm does not answer."""
    try:
        command = ["squeue", "--noheader", "--format=%A", f"--jobs={','.join(jobs)}"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    has_answer = answer.returncode == 0 or "Invalid job id" in answer.stderr
    return set(answer.stdout.split()) if has_answer else None


@contextmanager
def hold_lock(path: Path) -> Iterator[LockHolder]:
    """Hold a lock, after waiting for its holder or taking over from one that has ended."""
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = this_process()
    _acquire(path, holder)
    done = threading.Event()
    threading.Thread(target=_beat, args=(path, done), daemon=True).start()
    try:
        yield holder
    finally:
        done.set()
        if lock_holder(path) == holder:
            path.unlink(missing_ok=True)


def _acquire(path: Path, claimant: LockHolder) -> None:
    awaited = None
    while not _create(path, claimant):
        holder = lock_holder(path)
        if holder is None:
            _refuse_garbage(path)
        elif has_ended(holder, path):
            log.warning("taking over from %s, which has ended", holder)
            _remove_stale(path, holder)
        else:
            if awaited != holder:
                log.warning("waiting for %s, which does the same work", holder)
                awaited = holder
            time.sleep(POLL_SECONDS)


def _refuse_garbage(path: Path) -> None:
    """OrbitileError for a file in the lock's place that names no holder, unless it was released just now."""
    try:
        _parse(path.read_text())
    except FileNotFoundError:
        return
    except (ValueError, TypeError) as error:
        raise OrbitileError(f"{path}: is not a lock; delete it and run again") from error


def _create(path: Path, claimant: LockHolder) -> bool:
    """Create the lock with its content, unless it exists: a hard link is atomic on any file system."""
    draft = path.with_name(f".{path.name}.{claimant.mark[:8]}")
    try:
        draft.write_text(json.dumps(asdict(claimant)))
        sync(draft)
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError as error:
        name_file(error, path)
        raise
    finally:
        draft.unlink(missing_ok=True)
    return True


def _remove_stale(path: Path, ended: LockHolder) -> None:
    """Remove the lock of a holder that has ended; one process at a time, so that none removes another's new lock."""
    gate = os.open(path.parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without such locks leaves a gap of some microseconds
            fcntl.flock(gate, fcntl.LOCK_EX)
        if lock_holder(path) == ended:
            path.unlink(missing_ok=True)
    finally:
        os.close(gate)


def _beat(path: Path, done: threading.Event) -> None:
    """Touch the lock until the work is done."""
    while not done.wait(HEARTBEAT_SECONDS):
        with suppress(OSError):  # a file system may be away for a while
            os.utime(path)


def _age(path: Path) -> float:
    """Seconds since a lock's last heartbeat, by the file system's own clock."""
    probe = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
    finally:
        probe.unlink(missing_ok=True)


def _is_running(holder: LockHolder) -> bool:
    return _started(holder.pid) == holder.started


def _started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (proc(5)), which no change of the clock moves.

    None for one that has ended, even if its parent has not asked for its exit code yet.
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
