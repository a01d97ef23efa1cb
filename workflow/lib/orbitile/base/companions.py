"""Files that other programs leave beside a file and that belong to its content: indexes, journals, statistics."""

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

JOURNALS = ("-wal", "-shm", "-journal")
OF_RASTERS = (".aux.xml", ".ovr", ".ovr.aux.xml", ".msk", ".msk.ovr", ".msk.aux.xml", ".aux", ".rrd")
APPENDED = {
    **dict.fromkeys((".tif", ".tiff", ".png", ".cub"), OF_RASTERS),
    ".gpkg": (*JOURNALS, ".aux.xml"),
    ".shp": (".aux.xml",),
}
"""What is appended to names, by their suffix. Styles (.qml, .sld) are the user's and stay."""
EXCHANGED = {
    ".shp": (
        ".qix", ".sbn", ".sbx", ".fbn", ".fbx", ".ain", ".aih", ".atx", ".ixs", ".mxs", ".idm", ".ind", ".cst", ".qpj",
    ),
    ".tif": (".rrd", ".aux"),
    ".tiff": (".rrd", ".aux"),
}  # fmt: skip
"""What takes the place of the suffix: spatial indexes, indexes of columns, encodings, coordinate systems."""


def remove_companions(path: Path) -> None:
    """Remove the companions of a file that is about to be replaced; say which program still has it open, if it can."""
    left = [companion for companion in companion_paths(path) if companion.is_file() or companion.is_symlink()]
    if any(companion.name.endswith(JOURNALS) for companion in left):
        _warn_of_holders(path, left)
    for companion in left:
        companion.unlink(missing_ok=True)


def companion_paths(path: Path) -> Iterator[Path]:
    """The names that companions of a file may have; small and capital letters."""
    suffix = path.suffix.lower()
    for ending in APPENDED.get(suffix, ()):
        yield path.with_name(path.name + ending)
    for ending in EXCHANGED.get(suffix, ()):
        yield path.with_suffix(ending)
        yield path.with_suffix(ending.upper())


def _warn_of_holders(path: Path, companions_left: list[Path]) -> None:
    for process in sorted({holder for file in (path, *companions_left) for holder in _holders(file)}):
        log.warning("%s: %s has its earlier version open; load the layer anew there", path, process)


def _holders(path: Path) -> Iterator[str]:
    """The processes on this machine that have a file open, as far as this user may see them."""
    with suppress(OSError):
        file = path.stat()
        for process in Path("/proc").glob("[0-9]*"):
            if process.name != str(os.getpid()) and _has_open(process, file):
                yield f"{(process / 'comm').read_text().strip()} (process {process.name})"


def _has_open(process: Path, file: os.stat_result) -> bool:
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                status = descriptor.stat()
                if (status.st_dev, status.st_ino) == (file.st_dev, file.st_ino):
                    return True
    return False
