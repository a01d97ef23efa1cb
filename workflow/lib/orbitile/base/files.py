"""Files that appear complete or not at all, through a power cut too, and the keys that name finished pieces of work."""

import ctypes
import errno
import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from orbitile.base.companions import remove_companions
from orbitile.base.errors import name_file


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed to it on success and removed on failure.

    The temporary name keeps the suffix, because GDAL drivers choose by it.
    """
    with scratch(path) as temporary:
        yield temporary
        publish({temporary: Path(path)})


def publish(files: Mapping[Path, Path]) -> None:
    """Give complete files their names, one after another, once their content is on the disk.

    `files` holds names by temporary names on the same file system. Companions of what is replaced go first: indexes and
    journals of the old content would be applied to the new one.
    """
    for temporary, path in files.items():
        sync(temporary)
        remove_companions(path)
    for temporary, path in files.items():
        temporary.replace(path)
    for folder in {path.parent for path in files.values()}:
        sync_folder(folder)


def sync(path: Path) -> None:
    """Return when the content of a file is on the disk: its name might reach it first, and the power fail between."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(folder: Path) -> None:
    """Return when all files of a folder's file system are on the disk: for thousands of small ones at once."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder are on the disk, as far as its file system can do that for folders."""
    try:
        sync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EBADF):
            raise


@contextmanager
def scratch(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` and remove it afterwards, also after an error."""
    path = Path(path)
    make_folder(path.parent)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield temporary
    except Exception as error:
        name_file(error, path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing; their names are on the disk."""
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for part in missing:
        sync_folder(part.parent)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text)


def write_json(path: str | Path, value: object) -> None:
    """Write a value as indented JSON atomically."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def is_older(path: Path, other: Path) -> bool:
    """Whether a file was written before another; False where either is not there."""
    return path.is_file() and other.is_file() and path.stat().st_mtime_ns < other.stat().st_mtime_ns


def sha256(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_key(**parts: object) -> str:
    """Return a short name for a piece of work, made of everything that determines its content."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
