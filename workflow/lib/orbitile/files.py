"""Files that appear whole or not at all, and the keys that name finished pieces of work."""

import hashlib
import json
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

KERNELS = (".tls", ".tsc", ".tpc", ".tf", ".ti", ".bpc", ".bsp", ".bc")
"""How the names of SPICE kernels end, in the order in which a folder's are loaded. What else is in such a folder, such
as images or results, does not count as a change of it."""


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed to it on success and removed on failure.

    The temporary name keeps the suffix, because GDAL drivers choose by it.
    """
    with scratch(path) as temporary:
        yield temporary
        temporary.replace(path)


@contextmanager
def scratch(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` and remove it afterwards, whatever happened."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text)


def write_json(path: str | Path, value: object) -> None:
    """Write a value as indented JSON atomically."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def sha256(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key(**parts: object) -> str:
    """Return a short name for a piece of work, made of everything that determines its content."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def version_of(path: str | Path) -> str:
    """What tells a file's versions apart without reading it: size and time, or "missing"; of a folder, its kernels'."""
    path = Path(path)
    try:
        status = path.stat()
    except OSError:
        return "missing"
    if stat.S_ISDIR(status.st_mode):
        files = sorted(one for one in path.rglob("*") if one.suffix.lower() in KERNELS)
        return key(files=[[str(one.relative_to(path)), version_of(one)] for one in files])
    return f"{status.st_size}-{status.st_mtime_ns}"


def version_of_all(paths: Iterable[str | Path], version: Callable[[str | Path], str] = version_of) -> str:
    """As `version_of`, of several files and folders; a cached one where many images share a folder."""
    return "+".join(version(path) for path in paths)
