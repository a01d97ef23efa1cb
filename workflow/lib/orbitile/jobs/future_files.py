"""Files whose times lie in the future, after which no result can count as newer: mended, or refused by name."""

import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.jobs.records import format_utc
from orbitile.pipeline import TABLE_FOLDERS

log = logging.getLogger(__name__)

TOLERANCE_S = 2
"""By which clocks of machines that share a file system may differ."""


def mend_future_tables(results: Path) -> list[Path]:
    """Give tables of a run whose times lie in the future the present time; what depends on them is made again."""
    now = time.time()
    tables = [path for folder in TABLE_FOLDERS.values() for path in (results / folder).glob("*.parquet")]
    future = sorted(path for path in tables if path.stat().st_mtime > now + TOLERANCE_S)
    for path in future:
        os.utime(path)
    if future:
        log.warning(
            "%d tables had times in the future, the first %s; they got the present time", len(future), future[0]
        )
    return future


def refuse_future_files(paths: Iterable[str | Path]) -> None:
    """OrbitileError where a file that the user gives has a time in the future."""
    now = time.time()
    for path in sorted(map(Path, paths)):
        if path.exists() and path.stat().st_mtime > now + TOLERANCE_S:
            changed = format_utc(path.stat().st_mtime)
            raise OrbitileError(
                f"{path}: was changed in the future ({changed}), so that no result would count as newer; "
                f"set this machine's clock, or type `touch '{path}'`, and run again"
            )
