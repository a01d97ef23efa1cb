"""The one process that drives a run: its lock, and the refusal of a second one."""

import atexit
from contextlib import ExitStack
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.jobs.lock import has_ended, hold_lock, lock_holder


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
