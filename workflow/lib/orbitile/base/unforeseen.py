"""What to say of an error that nobody foresaw: its class, its message and its place, in one line."""

from pathlib import Path
from traceback import extract_tb

from orbitile.base.errors import OrbitileError, reason_of

LIBRARY = Path(__file__).parents[1]
NO_PLACES = ("processes.py",)
"""Modules that only pass calls on."""


def unforeseen_reason(error: BaseException) -> str:
    """The reason of a failure in one line: an OrbitileError as it is, any other error with its class and place."""
    reason = reason_of(error)
    return reason if isinstance(error, OrbitileError) else f"unforeseen {reason}{_place(error)}"


def _place(error: BaseException) -> str:
    """Where in this library an error arose; nothing for one that did not."""
    for frame in reversed(extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if LIBRARY in file.parents and file.name not in NO_PLACES:
            return f" (in {file.relative_to(LIBRARY)}, line {frame.lineno})"
    return ""
