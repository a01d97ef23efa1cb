"""Checks of users' files that need not be made again: once for each version of the files and of what they are for."""

import json
from collections.abc import Callable
from pathlib import Path

from orbitile.base.files import write_json


def check_once(record: Path, key: str, check: Callable[[], None]) -> None:
    """Call a check, which raises an error for a fault, unless the file `record` tells that it passed for this key."""
    if _passed_key(record) != key:
        check()
        write_json(record, key)


def _passed_key(record: Path) -> str | None:
    try:
        return json.loads(record.read_text())
    except (OSError, ValueError):
        return None
