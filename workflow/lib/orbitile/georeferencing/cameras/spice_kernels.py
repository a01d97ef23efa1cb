"""Load SPICE kernels, of a folder or those that a meta-kernel lists, and turn SPICE's errors into what to add.

SPICE has one pool of kernels in a process, so that one thread at a time uses it.
"""

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import spiceypy
from spiceypy.utils.exceptions import SpiceyError

from orbitile.base.errors import OrbitileError
from orbitile.base.file_access import check_regular
from orbitile.base.versions import KERNELS

ORDER = KERNELS
"""Suffixes of kernels in the order in which a folder's are loaded, each kind by name: where two kernels hold the same
data, the one loaded last counts."""

MISSING_DATA_HINTS = {
    "MISSINGTIMEINFO": "leap seconds are in none of them; add the .tls",
    "UNKNOWNFRAME": "a frame is in none of them; add the mission's .tf",
    "NOFRAMECONNECT": "attitudes are not in them; add the .bc of that time, and the mission's .tf and .tsc",
    "FRAMEDATANOTFOUND": "the body's rotation is in none of them; add the .tpc",
    "SPKINSUFFDATA": "positions of the planets are not in them; add the .bsp of planets and of the body at that time",
    "NOTINPART": "the clock's kernel does not cover the count; add a newer .tsc, or one of this spacecraft",
    "NOPARTITION": "the clock's kernel does not cover the count; add a newer .tsc, or one of this spacecraft",
}
"""The fault and the way out, by SPICE's short name of the error."""

RECORD = 1024
"""Bytes in a record of a binary kernel; the first describes it (NAIF's DAF required reading)."""

_pool = threading.RLock()


class MissingKernelDataError(Exception):
    """Data that loaded kernels do not hold, and what to add; becomes an OrbitileError that names the kernels."""


@contextmanager
def loaded_kernels(kernels: Path) -> Iterator[None]:
    """Load a meta-kernel, or all kernels in a folder and its subfolders, for one thread, and unload them afterwards.

    OrbitileError for whatever SPICE cannot do with them. Relative names in a meta-kernel count from its own folder or,
    where no such file is there, from the working directory.
    """
    with _pool, _errors_explained(kernels):
        try:
            for path in _kernel_files(kernels):
                _load(path)
            yield
        finally:
            spiceypy.kclear()


def kernel_inputs(kernels: Path) -> list[str]:
    """The files and folders that kernels or a camera model are: a folder, or a file and what it lists as meta-kernel.

    OrbitileError for a meta-kernel that lists a file which is missing, and for pipes and devices.
    """
    if kernels.is_dir() or not kernels.exists() or kernels.suffix.lower() in (".json", *ORDER):
        files = [kernels]
    else:
        check_regular(kernels)
        with _pool, _errors_explained(kernels):
            files = [kernels, *_listed_files(kernels)]
    for file in files:
        if file.exists() and not file.is_dir():
            check_regular(file)
    return list(map(str, files))


def _load(path: Path) -> None:
    if _is_truncated(path):
        raise MissingKernelDataError(f"{path.name} is truncated at {path.stat().st_size} bytes; fetch it again")
    try:
        spiceypy.furnsh(str(path))
    except SpiceyError as error:
        name, message = _describe(error)
        way_out = "convert it with NAIF's tobin" if name == "TRANSFERFILE" else "fetch it again, or remove it"
        raise MissingKernelDataError(
            f"{path.name} cannot be loaded as a kernel; {way_out} (SPICE: {message})"
        ) from error


def _is_truncated(path: Path) -> bool:
    """Whether a binary kernel (DAF) ends before the record with its last number, of 8 bytes.

    SPICE notices only when it reads there, does not say in which file, and may leave temporary files behind.
    """
    with path.open("rb") as file:
        head = file.read(RECORD)
    if not head.startswith(b"DAF/"):
        return False
    order = "<" if head[88:96] == b"LTL-IEEE" else ">"
    last = struct.unpack_from(f"{order}i", head, 84)[0] - 1 if len(head) == RECORD else 1
    return path.stat().st_size < -(-8 * last // RECORD) * RECORD


def _kernel_files(kernels: Path) -> list[Path]:
    """The kernels of a meta-kernel or a folder, in the order in which they are loaded."""
    if kernels.is_file():
        return _listed_files(kernels)
    if not kernels.is_dir():
        raise OrbitileError(f"kernels: {kernels} does not exist; give a meta-kernel, or a folder of kernels")
    paths = [path for path in kernels.rglob("*") if path.suffix.lower() in ORDER and path.is_file()]
    if not paths:
        raise OrbitileError(f"{kernels}: the folder holds no kernels ({', '.join(ORDER)})")
    return sorted(paths, key=_load_order)


def _load_order(path: Path) -> tuple[int, bool, str, Path]:
    """A folder's order: ISIS' addenda after the instrument kernels that they correct."""
    return ORDER.index(path.suffix.lower()), "addendum" in path.name.lower(), path.name, path


def _listed_files(meta: Path) -> list[Path]:
    """The files that a meta-kernel lists, in its order; a kernel itself."""
    if meta.suffix.lower() in ORDER:
        return [meta]
    spiceypy.ldpool(str(meta))
    names = _pool_texts("KERNELS_TO_LOAD")
    if not names:
        raise OrbitileError(f"{meta}: lists no KERNELS_TO_LOAD; give a meta-kernel, or a folder of kernels")
    values = dict(zip(_pool_texts("PATH_SYMBOLS"), _pool_texts("PATH_VALUES"), strict=False))
    spiceypy.kclear()
    return [_locate(meta, _expand_symbols(name, values)) for name in names]


def _pool_texts(keyword: str) -> list[str]:
    """The texts of a keyword; a text that ends with a plus sign is continued by the next."""
    texts: list[str] = []
    with spiceypy.no_found_check():
        while (reply := spiceypy.stpool(keyword, len(texts), "+"))[-1]:
            texts.append(reply[0])
    return texts


def _expand_symbols(name: str, values: dict[str, str]) -> str:
    """A name with its path's symbol replaced, the longest that fits."""
    for symbol in sorted(values, key=len, reverse=True):
        name = name.replace(f"${symbol}", values[symbol])
    return name


def _locate(meta: Path, name: str) -> Path:
    for path in (meta.parent / name, Path(name)):
        if path.exists():
            return path
    raise OrbitileError(
        f"{meta}: lists {name}, which is neither in its folder nor in the working directory; correct its PATH_VALUES "
        "or fetch the file"
        + (
            "; SPICE cuts texts after 80 characters, longer ones continue in the next after a +"
            if len(name) > 79
            else ""
        )
    )


@contextmanager
def _errors_explained(kernels: Path) -> Iterator[None]:
    try:
        yield
    except MissingKernelDataError as error:
        raise OrbitileError(f"{kernels}: {error}") from error
    except SpiceyError as error:
        name, message = _describe(error)
        hint = f"{MISSING_DATA_HINTS[name]} (SPICE: {message})" if name in MISSING_DATA_HINTS else f"SPICE: {message}"
        raise OrbitileError(f"{kernels}: {hint}") from error


def _describe(error: SpiceyError) -> tuple[str, str]:
    """SPICE's short name of an error, and the first sentence of its long message."""
    name = (getattr(error, "short", "") or "").removeprefix("SPICE(").removesuffix(")")
    message = " ".join((getattr(error, "long", "") or str(error)).split())
    return name, message.split(". ")[0].rstrip(".")
