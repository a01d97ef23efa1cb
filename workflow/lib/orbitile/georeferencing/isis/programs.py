"""Whether ISIS is installed: its programs on the PATH, its folders named in the environment."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from orbitile.base.errors import OrbitileError

VARIABLES = dict(
    ISISROOT="the folder ISIS is installed in (its conda environment's)",
    ISISDATA="the folder of its calibration files and kernels (as downloadIsisData makes it)",
)
"""Environment variables that ISIS's programs need, and what they name."""
VERSION_FILE = "isis_version.txt"
_VERSION = re.compile(r"(?:isis)?([^\s#]+)")
"""The beginning of that file: "8.3.0 # Public version number" (as ISIS's Environment::isisVersion reads it)."""


def check_programs(instrument: str, programs: Sequence[str]) -> None:
    """OrbitileError where a program that an instrument's images need, or a variable of ISIS's, is missing.

    It says what is missing, and how to set it.
    """
    missing = missing_programs(programs)
    if missing:
        raise OrbitileError(
            f"ISIS: {', '.join(missing)} not found on the PATH, which {instrument} images need; activate ISIS's "
            "conda environment, or put $ISISROOT/bin on the PATH"
        )
    check_variables()


def missing_programs(programs: Sequence[str]) -> list[str]:
    """Those of some programs that are not on the PATH."""
    return [name for name in programs if shutil.which(name) is None]


def check_variables() -> None:
    """OrbitileError for a variable of ISIS's that is not set, or does not name a folder by its absolute path."""
    for name, about in VARIABLES.items():
        value = os.environ.get(name, "")
        # ISIS runs in a temporary folder, where a relative path would lead elsewhere.
        if not (Path(value).is_absolute() and Path(value).is_dir()):
            fault = f"is {value!r}, not the absolute path of a folder" if value else "is not set"
            raise OrbitileError(f"ISIS: {name} {fault}; set it with `export {name}=/path` to {about}")


def isis_version() -> str:
    """The version of ISIS in ISISROOT, such as 8.3.0; OrbitileError where there is none."""
    check_variables()
    path = Path(os.environ["ISISROOT"]) / VERSION_FILE
    try:
        version = _VERSION.match(path.read_text())
    except OSError as error:
        raise _unreadable(path) from error
    if version is None:
        raise _unreadable(path)
    return version[1]


def _unreadable(path: Path) -> OrbitileError:
    return OrbitileError(f"ISISROOT: cannot read ISIS's version in {path}; set it to the folder ISIS is installed in")
