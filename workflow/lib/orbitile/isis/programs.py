"""Whether ISIS is installed here: its programs on the PATH, its folders named in the environment."""

import os
import re
import shutil
from pathlib import Path

from orbitile.errors import OrbitileError
from orbitile.isis.sequences import PROGRAMS, programs_of

VARIABLES = dict(
    ISISROOT="the folder ISIS is installed in (its conda environment's)",
    ISISDATA="the folder of its calibration files and kernels (as downloadIsisData makes it)",
)
"""What ISIS's programs must find in the environment, and what it names."""
VERSION_FILE = "isis_version.txt"
_VERSION = re.compile(r"(?:isis)?([^\s#]+)")
"""How that file begins: "8.3.0 # Public version number" (ISIS's Environment::isisVersion reads it so)."""


def installed() -> bool:
    """Tell whether ISIS is here for any instrument."""
    return any(available(instrument) for instrument in PROGRAMS)


def is_taken(choice: str) -> bool:
    """Tell whether images go through ISIS: where the settings leave it to what is installed ("auto"), and it is."""
    return choice == "auto" and installed()


def available(instrument: str) -> bool:
    """Tell whether an instrument's images can go through ISIS here; no instrument of another name can."""
    try:
        check(instrument)
    except OrbitileError:
        return False
    return True


def check(instrument: str) -> None:
    """OrbitileError where something is missing of what an instrument's images need: what, and how to set it."""
    missing = missing_programs(instrument)
    if missing:
        raise OrbitileError(
            f"ISIS: {', '.join(missing)} not found on the PATH, which {instrument} images need; activate ISIS's "
            "conda environment, or put $ISISROOT/bin on the PATH"
        )
    check_variables()


def missing_programs(instrument: str) -> list[str]:
    """The programs an instrument's images need that are not on the PATH; OrbitileError for an unknown instrument."""
    return [name for name in programs_of(instrument) if shutil.which(name) is None]


def check_variables() -> None:
    """OrbitileError for a variable of ISIS's that is not set, or names no folder by its whole path."""
    for name, about in VARIABLES.items():
        value = os.environ.get(name, "")
        # ISIS runs in a folder of ours, where a relative path would lead elsewhere.
        if not (Path(value).is_absolute() and Path(value).is_dir()):
            fault = f"is {value!r}, no folder by its whole path" if value else "is not set"
            raise OrbitileError(f"ISIS: {name} {fault}; set it with `export {name}=/path` to {about}")


def isis_version() -> str:
    """The version of ISIS in ISISROOT, such as 8.3.0; OrbitileError where there is none."""
    check_variables()
    path = Path(os.environ["ISISROOT"]) / VERSION_FILE
    try:
        return _VERSION.match(path.read_text())[1]
    except (OSError, TypeError) as error:
        raise OrbitileError(f"ISISROOT: {path} cannot be read; set it to the folder ISIS is installed in") from error
