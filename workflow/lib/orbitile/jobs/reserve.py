"""Room on the disk that a run keeps for its last words: what failed is on record on a full disk, too."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

FILES, FILE_BYTES = 16, 16 * 1024
"""As files, for a disk may run out of inodes, too."""


def keep_reserve(results: Path) -> None:
    """Fill the reserve of a run's folder, unless it is there."""
    folder = _reserve(results)
    if folder.is_dir():
        return
    folder.mkdir(parents=True)
    for number in range(FILES):
        (folder / str(number)).write_bytes(os.urandom(FILE_BYTES))  # which no file system can compress


def write_with_reserve(results: Path, write: Callable[[], None]) -> None:
    """Call a function that writes; where the disk refuses, again without the reserve, and then leave it."""
    try:
        write()
    except OSError:
        shutil.rmtree(_reserve(results), ignore_errors=True)
        with suppress(OSError):
            write()


def _reserve(results: Path) -> Path:
    return results / "jobs" / "reserve"
