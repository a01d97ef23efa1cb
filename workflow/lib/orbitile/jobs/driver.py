"""The one process that drives a run: its lock, the refusal of a second one, and what it leaves for its end."""

import atexit
import os
import signal
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from orbitile.base.errors import OrbitileError, reason_of
from orbitile.jobs.call import RunCall, keep_call
from orbitile.jobs.future_files import mend_future_tables, refuse_future_files
from orbitile.jobs.lock import LockHolder, has_ended, hold_lock, lock_holder
from orbitile.jobs.reserve import keep_reserve
from orbitile.tables.plan import Plan, read_plan


def begin_run(results: str | Path, call: RunCall, inputs: Iterable[str], plan: Plan) -> None:
    """Hold the lock of a run's driver, keep how it was called, and keep room on the disk for its last words.

    `inputs` are the user's files that jobs depend on, `plan` is that by which the graph was built. OrbitileError while
    another process drives the run, where its folder cannot be written or its plan was replaced meanwhile, and for
    inputs with times in the future.
    """
    _end_with_the_terminal()
    try:
        hold_driver_lock(results)
        if read_plan(Path(results) / "plan.parquet") != plan:
            raise OrbitileError(f"{results}: another call has planned this run anew meanwhile; run again")
        keep_call(Path(results), call)
        keep_reserve(Path(results))
        mend_future_tables(Path(results))
        refuse_future_files(inputs)
    except OSError as error:
        raise OrbitileError(reason_of(error)) from error


def check_bookkeeping(folder: Path) -> None:
    """OrbitileError where the workflow system cannot keep its books in a folder of the working directory."""
    places = [folder, *(place for place in folder.iterdir() if place.is_dir())] if folder.is_dir() else [folder.parent]
    for place in places:
        if not os.access(place, os.W_OK | os.X_OK):
            way_out = "give yourself write permission (`chmod -R u+w`), or work in another folder (--directory)"
            raise OrbitileError(f"{place.resolve()}: cannot be written; {way_out}")


def _end_with_the_terminal() -> None:
    """Treat a terminal that closes as SIGTERM, after which running jobs are finished and the end is said."""
    handler = signal.getsignal(signal.SIGTERM)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL and handler is not None:
        signal.signal(signal.SIGHUP, handler)


def hold_driver_lock(results: str | Path) -> None:
    """Hold the lock of a run's driver until this process ends; OrbitileError while another process holds it.

    A driver that was killed leaves its lock behind, and the next one takes it over.
    """
    if holder := _live_driver(results):
        raise OrbitileError(f"{results}: {holder} already drives this run; {_way_out(holder, results)}")
    stack = ExitStack()
    stack.enter_context(hold_lock(_lock(results)))
    atexit.register(stack.close)


def refuse_while_driven(results: str | Path) -> None:
    """OrbitileError while a process drives a run, whose jobs would read another plan than the one they are part of."""
    if holder := _live_driver(results):
        raise OrbitileError(
            f"{results}: {holder} drives this run, and its settings, scene table or images are not those that it began "
            f"with; change them when nothing runs: {_way_out(holder, results)}"
        )


def _live_driver(results: str | Path) -> LockHolder | None:
    """The process that drives a run now."""
    path = _lock(results)
    holder = lock_holder(path)
    return None if holder is None or has_ended(holder, path) else holder


def _way_out(holder: LockHolder, results: str | Path) -> str:
    progress = f"`make status RUN={Path(results).name}` shows how far it is"
    return f"let it finish, or end it with `kill {holder.pid}` on {holder.host} ({progress})"


def _lock(results: str | Path) -> Path:
    return Path(results).absolute() / "jobs" / "driver.lock"  # Snakemake leaves its working directory before its end
