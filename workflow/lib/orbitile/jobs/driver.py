"""The one process that drives a run: who it is, and that there is no second."""

import atexit
from contextlib import ExitStack
from pathlib import Path

from orbitile.errors import OrbitileError
from orbitile.jobs.lock import has_ended, held, holder_of


def drive(results: str | Path) -> None:
    """Drive a run until this process ends; OrbitileError while another process does.

    A driver that was killed leaves its lock behind, and the next one takes it over.
    """
    path = Path(results) / "jobs" / "driver.lock"
    holder = holder_of(path)
    if holder is not None and not has_ended(holder, path):
        raise OrbitileError(
            f"{results}: {holder} already drives this run; let it finish, or end it with `kill {holder.pid}` on "
            f"{holder.host} (`make status` shows how far it is)"
        )
    stack = ExitStack()
    stack.enter_context(held(path))
    atexit.register(stack.close)
