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
from orbitile.jobs.lock import has_ended, hold_lock, lock_holder
from orbitile.jobs.reserve import keep_reserve


def begin_run(results: str | Path, call: RunCall, inputs: Iterable[str]) -> None:
    """Hold the lock of a run's driver, keep how it was called, and keep room on the disk for its last words.

    `inputs` are the user's files that jobs depend on. OrbitileError while another process drives the run, where its
    folder cannot be written, and for inputs with times in the future.
    """
    _end_with_the_terminal()
    try:
        hold_driver_lock(results)
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
    path = Path(results) / "jobs" / "driver.lock"
    holder = lock_holder(path)
    if holder is not None and not has_ended(holder, path):
        raise OrbitileError(
            f"{results}: {holder} already drives this run; let it finish, or end it with `kill {holder.pid}` on "
            f"{holder.host} (`make status` shows how far it is)"
        )
    stack = ExitStack()
    stack.enter_context(hold_lock(path))
    atexit.register(stack.close)
