"""Files that appear complete or not at all, and the keys that name finished pieces of work."""

import hashlib
import json
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

KERNELS = (".tls", ".tsc", ".tpc", ".tf", ".ti", ".bpc", ".bsp", ".bc")
"""The suffixes of SPICE kernels, in the order in which a folder's kernels are loaded. Other files there, such as
images or results, are not part of its version."""


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
    """Yield a temporary path beside `path` and remove it afterwards, also after an error."""
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


def cache_key(**parts: object) -> str:
    """Return a short name for a piece of work, made of everything that determines its content."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def file_version(path: str | Path) -> str:
    """A text that changes with a file, without reading it: size and time, or "missing"; of a folder, its kernels'."""
    path = Path(path)
    try:
        status = path.stat()
    except OSError:
        return "missing"
    if stat.S_ISDIR(status.st_mode):
        kernels = sorted(file for file in path.rglob("*") if file.suffix.lower() in KERNELS)
        return cache_key(files=[[str(kernel.relative_to(path)), file_version(kernel)] for kernel in kernels])
    return f"{status.st_size}-{status.st_mtime_ns}"


def files_version(paths: Iterable[str | Path], version: Callable[[str | Path], str] = file_version) -> str:
    """The versions of several files and folders; `version` may be a cached file_version where images share a folder."""
    return "+".join(version(path) for path in paths)
