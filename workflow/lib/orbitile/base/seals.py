"""Seals: length and checksum of finished files, in a small file beside them, checked before they are used again.

A file may be damaged although it has its name: file systems that do not keep the order of writes leave it empty, short
or full of zeros after a power cut, disks and copies flip bytes. Small files are checked completely. Of large ones the
length and samples are, so that a run with thousands of them begins soon: damage between two samples goes unnoticed.
"""

import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

from orbitile.base.files import write_text

SUFFIX = ".seal"
COMPLETE_BYTES = 32 * 2**20
"""Files up to this size are checked completely."""
SAMPLES, SAMPLE_BYTES = 64, 64 * 1024
"""How many samples of larger files are checked, from the first byte to the last at equal distances."""
CHUNK_BYTES = 2**20


def seal_path(path: Path) -> Path:
    """Where the seal of a file is: under its name with another suffix, for it and the files that go with it."""
    return path.with_suffix(SUFFIX)


def write_seal(path: Path, others: Iterable[Path] = ()) -> None:
    """Seal a finished file, together with others in its folder; they count as finished from now on."""
    write_text(seal_path(path), json.dumps({file.name: _content(file) for file in (path, *others)}) + "\n")


def find_damage(path: Path) -> str | None:
    """Which file is damaged, of a file and those sealed with it, and how; None where all are as they were sealed."""
    try:
        seal = json.loads(seal_path(path).read_bytes())
        files = {path.with_name(name): tuple(content) for name, content in seal.items()}
    except FileNotFoundError:
        return f"{path} has no seal, so it may not be complete"
    except (OSError, ValueError, AttributeError, TypeError):
        return f"{path} has an unreadable seal"
    if path not in files:
        return f"{path} has the seal of another file"
    return next((damage for file, content in files.items() if (damage := _difference(file, content))), None)


def _difference(file: Path, sealed: tuple[object, ...]) -> str | None:
    """How a file differs from what was sealed."""
    try:
        length = file.stat().st_size
        if length != sealed[0]:
            return f"{file} has {length} bytes instead of {sealed[0]}"
        return None if _content(file) == sealed else f"{file} is not as it was finished"
    except (OSError, IndexError):
        return f"{file} cannot be read"


def _content(path: Path) -> tuple[int, int]:
    """Length (bytes) and checksum of a file."""
    with path.open("rb", buffering=0) as file:
        length = os.fstat(file.fileno()).st_size
        checksum = 0
        for start, size in _parts(length):
            checksum = zlib.crc32(os.pread(file.fileno(), size, start), checksum)
    return length, checksum


def _parts(length: int) -> list[tuple[int, int]]:
    """Start and size of the parts of a file that are checked."""
    if length <= COMPLETE_BYTES:
        return [(start, CHUNK_BYTES) for start in range(0, length, CHUNK_BYTES)]
    return [((length - SAMPLE_BYTES) * number // (SAMPLES - 1), SAMPLE_BYTES) for number in range(SAMPLES)]
