"""Labels of images in PVL: attached to or beside PDS3 products, and those of ISIS cubes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import pvl
from pvl.collections import Quantity
from pvl.decoder import OmniDecoder
from pvl.exceptions import LexerError, ParseError, QuantityError
from pvl.grammar import OmniGrammar
from pvl.parser import PVLParser

from orbitile.errors import OrbitileError, first_line
from orbitile.raw.units import converted

FIRST_BYTES = 2**16
"""What is read of a file at first: labels of 32 kB (HiRISE) are the longest of the archives."""

LONGEST_LABEL = 2**20
"""Bytes after which a label without END is no label; ISIS cubes that were edited often have longer ones than 64 kB."""

LABELS_HELD = 64
"""Parsed labels that are kept: some for each of the threads that plan."""

LABEL_SUFFIXES = (".lbl", ".LBL")
IMAGE_SUFFIXES = (".IMG", ".img", ".DAT", ".dat", ".JP2", ".jp2", ".cub", ".TIF", ".tif")

_BEGIN = re.compile(rb"(CCSD[\w ]*)?(\s|/\*.*?\*/)*(PDS_VERSION_ID|FILE_NAME|OBJECT)\s*=", re.DOTALL | re.IGNORECASE)
_HYPHEN = re.compile(r"-[\n\r\f]\s*")
_EMPTY = re.compile(
    r"^([ \t]*\^?\w[\w:]*[ \t]*=)[ \t]*(?=\r?\n\s*(?:\^?\w[\w:]*[ \t]*=|END))", re.MULTILINE | re.IGNORECASE
)
_TIME = re.compile(r"\d+[-:]\d+[-:T]?|\d+T\d")
"""How dates, times and both together begin."""
_END = re.compile(rb"^[ \t]*END[ \t]*(?=[\r\n\0]|\Z)", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class Label:
    """A label: the file it was read from, its values, and where it ends in that file (bytes).

    Keys are found at whatever depth, the outermost first, in any case; "IMAGE.LINES" is LINES inside IMAGE.
    """

    path: Path
    values: pvl.PVLModule
    end: int

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read the label in the head of a file, or else the one beside it.

        Beside an image lies a .lbl file of its name. OrbitileError if there is none, or if it cannot be parsed.
        """
        found = cls.find(path)
        if found is None:
            raise OrbitileError(
                f"{path}: has no label: neither in its head nor in {Path(path).stem}.lbl beside it; put the "
                "label that the archive delivers beside the image"
            )
        return found

    @classmethod
    def find(cls, path: str | Path) -> Self | None:
        """As `read`, but None where there is no label. OrbitileError if the file itself is missing."""
        path = Path(path)
        return cls._in(path) or next((cls._in(beside) for beside in _beside(path, LABEL_SUFFIXES)), None)

    @classmethod
    def attached(cls, path: str | Path) -> Self | None:
        """The label in the head of a file; None if it begins with anything else."""
        return cls._in(Path(path))

    @classmethod
    def _in(cls, path: Path) -> Self | None:
        """The label that a file begins with."""
        head = _head(path)
        if head is None:
            return None
        try:
            return cls(path, _parsed(head.decode("latin-1")), len(head))
        except (LexerError, ParseError, QuantityError, ValueError, TypeError) as error:
            raise OrbitileError(
                f"{path}: its label cannot be parsed ({first_line(str((error.args or [error])[-1]))}); fetch it again"
            ) from error

    def has(self, key: str) -> bool:
        """Whether there is a key."""
        return next(_under(self.values, key.split(".")), None) is not None

    def text(self, key: str) -> str:
        """A value as text; times in ISO format without their zone, which is UTC."""
        value = self._value(key)
        if isinstance(value, datetime | date | time):
            return (value if type(value) is date else value.replace(tzinfo=None)).isoformat()
        if isinstance(value, Quantity | list | set | frozenset | dict) or value is None:
            raise self._wrong(key, value, "a text")
        return str(value)

    def number(self, key: str, unit: str | None = None) -> float:
        """A number, in a unit of `orbitile.raw.units` if one is named (then the label's own unit is converted).

        Numbers without a unit in the label are taken to be in the one asked for.
        """
        value = self._value(key)
        number, own = (value.value, value.units) if isinstance(value, Quantity) else (value, None)
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise self._wrong(key, number, "a number")
        if unit is None or own is None:
            return float(number)
        changed = converted(float(number), own, unit)
        if changed is None:
            raise self._wrong(key, f"{number} <{own}>", f"a number in {unit} or a unit like it")
        return changed

    def whole(self, key: str) -> int:
        """A whole number, whatever its unit."""
        number = self.number(key)
        if not number.is_integer():
            raise self._wrong(key, number, "a whole number")
        return int(number)

    def numbers(self, key: str) -> np.ndarray:
        """A list of numbers, or a list of lists of them, whatever their unit: (n) or (n, m)."""
        value = self._value(key)
        value = value.value if isinstance(value, Quantity) else value
        try:
            found = np.array(value, float)
        except (TypeError, ValueError):
            found = np.empty(())
        if found.ndim == 0:
            raise self._wrong(key, value, "a list of numbers")
        return found

    def pointer(self, name: str) -> tuple[Path, int]:
        """The file and the byte (from 0) at which an object of a PDS3 label begins.

        Labels count records, or bytes where <BYTES> follows, from 1. The file need not exist.
        """
        value = self._value("^" + name)
        file, place = value if isinstance(value, list) and len(value) == 2 else (None, value)
        file, place = (place, 1) if isinstance(place, str) else (file, place)
        count, in_bytes = (place.value, True) if isinstance(place, Quantity) else (place, False)
        if not isinstance(count, int) or count < 1 or not isinstance(file, str | None):
            raise self._wrong("^" + name, value, "a record or <BYTES>, counted from 1, or a file and one of these")
        size = 1 if in_bytes or count == 1 or self._counts_bytes else self.whole("RECORD_BYTES")
        return (self.image_path if file is None else _in_any_case(self.path.parent / file)), (count - 1) * size

    @property
    def _counts_bytes(self) -> bool:
        """Whether a record is a byte, as in HiRISE labels of some years, which leave <BYTES> out."""
        return self.has("RECORD_TYPE") and self.text("RECORD_TYPE").upper() in ("UNDEFINED", "STREAM")

    @staticmethod
    def companions(path: str | Path) -> list[str]:
        """The files beside an image that may hold its label, and those beside a label that may hold its image."""
        path = Path(path)
        is_label = path.suffix in LABEL_SUFFIXES
        return [str(one) for one in _beside(path, IMAGE_SUFFIXES if is_label else LABEL_SUFFIXES)]

    @property
    def is_detached(self) -> bool:
        """Whether the label is a file of its own."""
        return self.path.suffix.lower() == ".lbl"

    @cached_property
    def image_path(self) -> Path:
        """The file with the pixels: that of an attached label, else the one that the label names or its namesake."""
        if not self.is_detached:
            return self.path
        named = [self.path.parent / self.text("FILE_NAME")] if self.has("FILE_NAME") else []
        namesakes = [self.path.with_suffix(suffix) for suffix in IMAGE_SUFFIXES]
        return _first_there([_in_any_case(path) for path in named] + namesakes)

    def _value(self, key: str) -> Any:  # noqa: ANN401
        value = next(_under(self.values, key.split(".")), None)
        if value is None:
            raise OrbitileError(
                f"{self.path}: the label has no {key}; give the product with the label that the archive delivers"
            )
        return value

    def _wrong(self, key: str, found: object, allowed: str) -> OrbitileError:
        return OrbitileError(
            f"{self.path}: {key} is {found!r} in the label, where {allowed} is allowed; correct it or fetch it again"
        )


class _Decoder(OmniDecoder):
    """Tries what looks like a time as one, and nothing else: each of the formats of times takes its time."""

    def decode_datetime(self, value: str) -> Any:  # noqa: ANN401
        if not _TIME.match(value):
            raise ValueError(f"{value!r} is no time")
        return super().decode_datetime(value)


def _head(path: Path) -> bytes | None:
    """The bytes of a file up to the END of its label, None where it begins with no label.

    No more of the file is read than its label needs: twice as much each time, until END is found.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(FIRST_BYTES)
            if not _BEGIN.match(head):
                return None
            while not (end := _END.search(head)) and (more := file.read(len(head))) and len(head) < LONGEST_LABEL:
                head += more
    except OSError as error:
        raise OrbitileError(f"{path}: cannot be read ({error.strerror}); is the path right?") from error
    if end is None:
        raise OrbitileError(f"{path}: its label has no END within {len(head)} bytes; fetch the file again")
    return head[: end.end()]


@lru_cache(maxsize=LABELS_HELD)
def _parsed(text: str) -> pvl.PVLModule:
    """Parse a label, once, with pvl's rules for what archives and ISIS write: it takes a second where it is long.

    Its own parser of that kind mends what is broken, and some broken labels keep it busy for ever (pvl 1.3.2); its
    strict one ends on every one that was tried. Words that ISIS breaks at a hyphen are put together first, and
    keywords without a value get NULL.
    """
    text = _EMPTY.sub(r"\1 NULL", _HYPHEN.sub("", text))
    grammar = OmniGrammar()
    decoder = _Decoder(grammar=grammar)
    return pvl.loads(text, parser=PVLParser(grammar, decoder), grammar=grammar, decoder=decoder)


def _under(values: dict, keys: list[str]) -> Iterator[Any]:
    """The values of a key inside the objects that the keys before it name, the outermost first."""
    first, *rest = keys
    for name, value in _walk(values):
        if name.upper() != first.upper():
            continue
        if not rest:
            yield value
        elif isinstance(value, dict):
            yield from _under(value, rest)


def _walk(values: dict) -> Iterator[tuple[str, Any]]:
    """All keys with their values, those of nested groups and objects after those around them."""
    waiting = [values]
    for level in waiting:
        for name, value in level.items():
            yield name, value
            if isinstance(value, dict):
                waiting.append(value)


def _beside(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files of a path's name with other suffixes, as far as they exist."""
    return [other for suffix in suffixes if (other := path.with_suffix(suffix)) != path and other.is_file()]


def _first_there(paths: list[Path]) -> Path:
    """The first path that exists, or else the first of all."""
    return next((path for path in paths if path.is_file()), paths[0])


def _in_any_case(path: Path) -> Path:
    """A path, with the name in small or in capital letters if only such a file exists: archives mix them."""
    return _first_there([path, path.with_name(path.name.lower()), path.with_name(path.name.upper())])
