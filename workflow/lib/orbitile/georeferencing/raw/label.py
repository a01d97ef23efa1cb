"""PVL labels of images: of PDS3 products, in their head or in a file beside them, and of ISIS cubes."""

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

from orbitile.base.errors import OrbitileError, first_line
from orbitile.georeferencing.raw.units import convert_unit

FIRST_BYTES = 2**16
"""Bytes that are read of a file at first: the longest labels of the archives (HiRISE) have 32 kB."""

MAX_LABEL_BYTES = 2**20
"""Bytes within which a label must END; the history in an ISIS cube's label can take it far beyond 64 kB."""

CACHED_LABELS = 64
"""Parsed labels that stay in memory: a few for each of the threads that plan."""

LABEL_SUFFIXES = (".lbl", ".LBL")
IMAGE_SUFFIXES = (".IMG", ".img", ".DAT", ".dat", ".JP2", ".jp2", ".cub", ".TIF", ".tif")

_BEGIN = re.compile(rb"(CCSD[\w ]*)?(\s|/\*.*?\*/)*(PDS_VERSION_ID|FILE_NAME|OBJECT)\s*=", re.DOTALL | re.IGNORECASE)
_HYPHEN = re.compile(r"-[\n\r\f]\s*")
_EMPTY = re.compile(
    r"^([ \t]*\^?\w[\w:]*[ \t]*=)[ \t]*(?=\r?\n\s*(?:\^?\w[\w:]*[ \t]*=|END))", re.MULTILINE | re.IGNORECASE
)
_TIME = re.compile(r"\d+[-:]\d+[-:T]?|\d+T\d")
"""The beginning of a date, a time, or both together."""
_END = re.compile(rb"^[ \t]*END[ \t]*(?=[\r\n\0]|\Z)", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True)
class PvlLabel:
    """A label: the file it was read from, its values, and where it ends in that file (bytes).

    Keys are matched at any depth, the outermost first, in any case; "IMAGE.LINES" is LINES inside IMAGE. Methods
    that return a value raise OrbitileError where the key is missing or its value is of another type.
    """

    path: Path
    values: pvl.PVLModule
    end: int

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read the label in the head of a file, or else in the .lbl file of the same name beside it.

        OrbitileError if there is none, or if it cannot be parsed.
        """
        label = cls.find(path)
        if label is None:
            raise OrbitileError(
                f"{path}: has no label, neither in its head nor in {Path(path).stem}.lbl beside it; put the "
                "label that the archive delivers beside the image"
            )
        return label

    @classmethod
    def find(cls, path: str | Path) -> Self | None:
        """As `read`, but None where there is no label. OrbitileError if the file itself is missing."""
        path = Path(path)
        return cls.find_attached(path) or cls._find_detached(path)

    @classmethod
    def find_attached(cls, path: str | Path) -> Self | None:
        """The label in the head of a file; None if the file begins with anything else.

        OrbitileError if the file cannot be read, or its label cannot be parsed.
        """
        path = Path(path)
        head = _read_head(path)
        if head is None:
            return None
        try:
            return cls(path, _parse(head.decode("latin-1")), len(head))
        except (LexerError, ParseError, QuantityError, ValueError, TypeError) as error:
            raise OrbitileError(
                f"{path}: its label cannot be parsed ({first_line(str((error.args or [error])[-1]))}); fetch it again"
            ) from error

    @classmethod
    def _find_detached(cls, path: Path) -> Self | None:
        return next((cls.find_attached(file) for file in _files_beside(path, LABEL_SUFFIXES)), None)

    def has(self, key: str) -> bool:
        """Whether there is a key."""
        return next(_values_of(self.values, key.split(".")), None) is not None

    def text(self, key: str) -> str:
        """A value as text; times in ISO format without their zone, which is UTC."""
        value = self._value(key)
        if isinstance(value, datetime | time):
            return value.replace(tzinfo=None).isoformat()
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, Quantity | list | set | frozenset | dict) or value is None:
            raise self._invalid(key, value, "text")
        return str(value)

    def number(self, key: str, unit: str | None = None) -> float:
        """A number, in a unit of `orbitile.georeferencing.raw.units` if one is named (the label's unit is converted).

        Numbers without a unit in the label are taken to be in the unit that is named.
        """
        value = self._value(key)
        number, label_unit = (value.value, value.units) if isinstance(value, Quantity) else (value, None)
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise self._invalid(key, number, "a number")
        if unit is None or label_unit is None:
            return float(number)
        converted = convert_unit(float(number), label_unit, unit)
        if converted is None:
            raise self._invalid(key, f"{number} <{label_unit}>", f"a number in {unit} or in a unit that converts to it")
        return converted

    def integer(self, key: str, allowed: tuple[int, ...] | None = None) -> int:
        """An integer, whatever its unit; OrbitileError for one that is not among the `allowed`, if these are named."""
        number = self.number(key)
        if not number.is_integer():
            raise self._invalid(key, number, "an integer")
        if allowed is not None and number not in allowed:
            raise self._invalid(key, int(number), f"one of {', '.join(map(str, allowed))}")
        return int(number)

    def numbers(self, key: str) -> np.ndarray:
        """A list of numbers, or a list of lists of them, whatever their unit: float64 (n) or (n, m)."""
        value = self._value(key)
        value = value.value if isinstance(value, Quantity) else value
        try:
            numbers = np.array(value, float)
        except (TypeError, ValueError):
            numbers = np.empty(())
        if numbers.ndim == 0:
            raise self._invalid(key, value, "a list of numbers")
        return numbers

    def pointer(self, name: str) -> tuple[Path, int]:
        """The file and the byte (from 0) at which an object of a PDS3 label begins.

        Labels count records, or bytes where <BYTES> follows, from 1. The file need not exist.
        """
        value = self._value("^" + name)
        file, location = value if isinstance(value, list) and len(value) == 2 else (None, value)
        file, location = (location, 1) if isinstance(location, str) else (file, location)
        count, in_bytes = (location.value, True) if isinstance(location, Quantity) else (location, False)
        if not isinstance(count, int) or count < 1 or not isinstance(file, str | None):
            raise self._invalid("^" + name, value, "a record or <BYTES>, counted from 1, or a file and one of these")
        record_bytes = 1 if in_bytes or count == 1 or self._counts_bytes else self.integer("RECORD_BYTES")
        path = self.image_path if file is None else _match_case(self.path.parent / file)
        return path, (count - 1) * record_bytes

    @property
    def _counts_bytes(self) -> bool:
        """Whether a record is a byte, as in HiRISE labels of some years, which leave <BYTES> out."""
        return self.has("RECORD_TYPE") and self.text("RECORD_TYPE").upper() in ("UNDEFINED", "STREAM")

    @staticmethod
    def companions(path: str | Path) -> list[str]:
        """The files beside an image that may hold its label, or those beside a label that may hold its image."""
        path = Path(path)
        is_label = path.suffix in LABEL_SUFFIXES
        return [str(file) for file in _files_beside(path, IMAGE_SUFFIXES if is_label else LABEL_SUFFIXES)]

    @property
    def is_detached(self) -> bool:
        """Whether the label is a file by itself."""
        return self.path.suffix.lower() == ".lbl"

    @cached_property
    def image_path(self) -> Path:
        """The file with the pixels: that of an attached label, else the one that the label names or its namesake."""
        if not self.is_detached:
            return self.path
        named = [self.path.parent / self.text("FILE_NAME")] if self.has("FILE_NAME") else []
        namesakes = [self.path.with_suffix(suffix) for suffix in IMAGE_SUFFIXES]
        return _first_existing([_match_case(path) for path in named] + namesakes)

    def _value(self, key: str) -> Any:  # noqa: ANN401 (PVL has numbers, texts, times, lists, quantities)
        value = next(_values_of(self.values, key.split(".")), None)
        if value is None:
            raise OrbitileError(
                f"{self.path}: the label has no {key}; give the product with the label that the archive delivers"
            )
        return value

    def _invalid(self, key: str, value: object, allowed: str) -> OrbitileError:
        return OrbitileError(
            f"{self.path}: {key} is {value!r} in the label, where {allowed} is allowed; correct it or fetch it again"
        )


class _Decoder(OmniDecoder):
    """Tries to parse as a time only what begins like one: each of the many formats of times is slow to try."""

    def decode_datetime(self, value: str) -> Any:  # noqa: ANN401 (as in the base class)
        if not _TIME.match(value):
            raise ValueError(f"{value!r} is not a time")
        return super().decode_datetime(value)


def _read_head(path: Path) -> bytes | None:
    """The bytes of a file up to the END of its label; None where the file does not begin with a label.

    No more of the file is read than its label needs: twice as much each time, until END is reached.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(FIRST_BYTES)
            if not _BEGIN.match(head):
                return None
            while not (end := _END.search(head)) and (more := file.read(len(head))) and len(head) < MAX_LABEL_BYTES:
                head += more
    except OSError as error:
        raise OrbitileError(f"{path}: cannot be read ({error.strerror}); is the path right?") from error
    if end is None:
        raise OrbitileError(f"{path}: its label has no END within {len(head)} bytes; fetch the file again")
    return head[: end.end()]


@lru_cache(maxsize=CACHED_LABELS)
def _parse(text: str) -> pvl.PVLModule:
    """Parse a label by pvl's rules for what archives and ISIS write; cached, because a long one takes a second.

    pvl's lenient parser (OmniParser) repairs broken labels, but never returns from some of them (pvl 1.3.2); its
    strict parser returned from every one that was tried. Words that ISIS breaks at a hyphen are joined first, and
    keywords without a value get NULL.
    """
    text = _EMPTY.sub(r"\1 NULL", _HYPHEN.sub("", text))
    grammar = OmniGrammar()
    decoder = _Decoder(grammar=grammar)
    return pvl.loads(text, parser=PVLParser(grammar, decoder), grammar=grammar, decoder=decoder)


def _values_of(values: dict, keys: list[str]) -> Iterator[Any]:
    """The values of the last key inside the objects that the keys before it name, the outermost first."""
    first, *inner = keys
    for name, value in _walk(values):
        if name.upper() != first.upper():
            continue
        if not inner:
            yield value
        elif isinstance(value, dict):
            yield from _values_of(value, inner)


def _walk(values: dict) -> Iterator[tuple[str, Any]]:
    """All keys with their values, those of nested groups and objects after those around them."""
    levels = [values]
    for level in levels:
        for name, value in level.items():
            yield name, value
            if isinstance(value, dict):
                levels.append(value)


def _files_beside(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The existing files of a path's name with other suffixes."""
    neighbours = (path.with_suffix(suffix) for suffix in suffixes)
    return [neighbour for neighbour in neighbours if neighbour != path and neighbour.is_file()]


def _first_existing(paths: list[Path]) -> Path:
    """The first path that exists, or else the first of all."""
    return next((path for path in paths if path.is_file()), paths[0])


def _match_case(path: Path) -> Path:
    """A path, with the name in small or in capital letters if only such a file exists: archives mix them."""
    return _first_existing([path, path.with_name(path.name.lower()), path.with_name(path.name.upper())])
