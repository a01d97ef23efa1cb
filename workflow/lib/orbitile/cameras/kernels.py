"""Loading SPICE kernels: of a folder, or those that a meta-kernel lists; SPICE's errors in words that say what to add.

SPICE has one pool of kernels for the whole process, so that one thread at a time uses it.
"""

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import spiceypy
from spiceypy.utils.exceptions import SpiceyError

from orbitile.errors import OrbitileError
from orbitile.files import KERNELS

ORDER = KERNELS
"""Kinds of kernels in the order in which a folder's are loaded, each kind by name: of two that say the same, the one
loaded last counts."""

LACKING = {
    "MISSINGTIMEINFO": "leap seconds are in none of them; add the .tls",
    "UNKNOWNFRAME": "a frame is in none of them; add the mission's .tf",
    "NOFRAMECONNECT": "attitudes are not in them; add the .bc of that time, and the mission's .tf and .tsc",
    "FRAMEDATANOTFOUND": "how the body turns is in none of them; add the .tpc",
    "SPKINSUFFDATA": "positions of the planets are not in them; add the .bsp of planets and of the body at that time",
    "NOTINPART": "the clock's kernel does not know the count; add a newer .tsc, or one of this spacecraft",
    "NOPARTITION": "the clock's kernel does not know the count; add a newer .tsc, or one of this spacecraft",
}
"""What is wrong and the way out, by SPICE's short name of the error."""

RECORD = 1024
"""Bytes in a record of a binary kernel; the first describes it (NAIF's DAF required reading)."""

_pool = threading.RLock()


class LackingError(Exception):
    """What loaded kernels do not hold, and what to add; becomes an OrbitileError that names them."""


@contextmanager
def loaded(kernels: Path) -> Iterator[None]:
    """Load a meta-kernel, or all kernels of a folder, for one thread; OrbitileError for whatever SPICE cannot do then.

    Folders are looked into with all that is in them.
    Relative names in a meta-kernel count from its own folder or, where nothing is there, from the working directory.
    """
    with _pool, _explained(kernels):
        try:
            for path in _files(kernels):
                _load(path)
            yield
        finally:
            spiceypy.kclear()


def _load(path: Path) -> None:
    if _is_cut_short(path):
        raise LackingError(f"{path.name} is cut short at {path.stat().st_size} bytes; fetch it again")
    try:
        spiceypy.furnsh(str(path))
    except SpiceyError as error:
        kind, said = _told(error)
        way_out = "turn it into one with NAIF's tobin" if kind == "TRANSFERFILE" else "fetch it again, or take it away"
        raise LackingError(f"{path.name} is no kernel that can be loaded; {way_out} (SPICE: {said})") from error


def _is_cut_short(path: Path) -> bool:
    """Whether a binary kernel (DAF) ends before the record with its last number, of 8 bytes.

    SPICE notices when it reads there, does not say in which file, and may leave files of its own behind.
    """
    with path.open("rb") as file:
        head = file.read(RECORD)
    if not head.startswith(b"DAF/"):
        return False
    order = "<" if head[88:96] == b"LTL-IEEE" else ">"
    last = struct.unpack_from(f"{order}i", head, 84)[0] - 1 if len(head) == RECORD else 1
    return path.stat().st_size < -(-8 * last // RECORD) * RECORD


def _files(kernels: Path) -> list[Path]:
    if kernels.is_file():
        return _listed(kernels)
    if not kernels.is_dir():
        raise OrbitileError(f"kernels: nothing at {kernels}; give a meta-kernel, or a folder of kernels")
    found = [path for path in kernels.rglob("*") if path.suffix.lower() in ORDER and path.is_file()]
    if not found:
        raise OrbitileError(f"{kernels}: holds no kernels ({', '.join(ORDER)})")
    return sorted(found, key=_turn)


def _turn(path: Path) -> tuple:
    """When a kernel of a folder is loaded: ISIS' addenda after the instrument kernels that they correct."""
    return ORDER.index(path.suffix.lower()), "addendum" in path.name.lower(), path.name, path


def _listed(meta: Path) -> list[Path]:
    """The files that a meta-kernel lists, in its order; a kernel itself."""
    if meta.suffix.lower() in ORDER:
        return [meta]
    spiceypy.ldpool(str(meta))
    names = _texts("KERNELS_TO_LOAD")
    if not names:
        raise OrbitileError(f"{meta}: lists no KERNELS_TO_LOAD; give a meta-kernel, or a folder of kernels")
    places = dict(zip(_texts("PATH_SYMBOLS"), _texts("PATH_VALUES"), strict=False))
    spiceypy.kclear()
    return [_found(meta, _spelled(name, places)) for name in names]


def _texts(keyword: str) -> list[str]:
    """The texts of a keyword, which go on in the next line after a plus sign."""
    texts = []
    with spiceypy.no_found_check():
        while (found := spiceypy.stpool(keyword, len(texts), "+"))[-1]:
            texts.append(found[0])
    return texts


def _spelled(name: str, places: dict[str, str]) -> str:
    """A name with its path's symbol replaced, the longest that fits."""
    for symbol in sorted(places, key=len, reverse=True):
        name = name.replace(f"${symbol}", places[symbol])
    return name


def _found(meta: Path, name: str) -> Path:
    for path in (meta.parent / name, Path(name)):
        if path.exists():
            return path
    raise OrbitileError(
        f"{meta}: lists {name}, which is neither in its folder nor in the working directory; mend its PATH_VALUES or "
        "fetch the file"
        + ("; SPICE cuts texts after 80 characters, longer ones go on in the next after a +" if len(name) > 79 else "")
    )


@contextmanager
def _explained(kernels: Path) -> Iterator[None]:
    try:
        yield
    except LackingError as error:
        raise OrbitileError(f"{kernels}: {error}") from error
    except SpiceyError as error:
        kind, said = _told(error)
        told = f"{LACKING[kind]} (SPICE: {said})" if kind in LACKING else f"SPICE says: {said}"
        raise OrbitileError(f"{kernels}: {told}") from error


def _told(error: SpiceyError) -> tuple[str, str]:
    """SPICE's short name of an error, and the first sentence of what it says at length."""
    kind = (getattr(error, "short", "") or "").removeprefix("SPICE(").removesuffix(")")
    said = " ".join((getattr(error, "long", "") or str(error)).split())
    return kind, said.split(". ")[0].rstrip(".")
