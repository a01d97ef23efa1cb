"""Pixels of raw products: decompanded, without prefixes and dark columns, gaps marked."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from orbitile.raw.checks import check_file
from orbitile.raw.decompanding import decompanding
from orbitile.raw.products import RawProduct
from orbitile.space.grids import Window

MDIS_HIGHEST = 3400
"""Counts of MDIS' narrow-angle camera above this are saturated, as mdis2isis has it."""

HIRISE_HIGHEST = 2**14 - 1
"""HiRISE's highest count, of 14 bits."""


@dataclass(frozen=True)
class RawPixels:
    """Reads the pixels of a product window by window; no more than a window is held in memory.

    The file is checked first (see `orbitile.raw.checks.check_file`). Without `decompanded`, pixels are as stored.
    """

    product: RawProduct
    decompanded: bool = True

    def __post_init__(self) -> None:
        check_file(self.product)

    @property
    def width(self) -> int:
        """Columns."""
        return self.product.width

    @property
    def height(self) -> int:
        """Lines."""
        return self.product.height

    @property
    def dtype(self) -> np.dtype:
        """The type of the pixels: float32 where decompanded, else the stored one in the machine's byte order."""
        stored = np.dtype(self.product.layout.dtype)
        return stored.newbyteorder("=") if self._table is None else np.dtype(np.float32)

    @cached_property
    def highest(self) -> float:
        """The highest count that a pixel can have."""
        if self._table is not None:
            return float(np.nanmax(self._table))
        if np.dtype(self.product.layout.dtype).itemsize == 1:
            return 255.0
        return float({"HIRISE": HIRISE_HIGHEST, "MDIS_NAC": MDIS_HIGHEST}.get(self.product.instrument, 65535))

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (rows, columns) of a window, and where they are valid.

        IndexError for a window that is not inside the image.
        """
        if min(window.col, window.row) < 0 or window.col + window.width > self.width:
            raise IndexError(f"{window} is not inside {self.width} x {self.height} pixels")
        if window.row + window.height > self.height:
            raise IndexError(f"{window} is not inside {self.width} x {self.height} pixels")
        lines = self._lines[window.row : window.row + window.height]
        stored = self._stored(lines, window)
        valid = _valid(stored, self.product.instrument) & self._arrived(lines)[:, None]
        if self._table is None:
            return stored, valid
        pixels = self._table[stored]
        return pixels, valid & np.isfinite(pixels)

    @cached_property
    def _table(self) -> np.ndarray | None:
        table = decompanding(self.product) if self.decompanded else None
        return None if table is None else table.astype(np.float32)

    @cached_property
    def _lines(self) -> np.memmap:
        """All lines with their prefixes and suffixes: bytes (lines, line_bytes)."""
        layout = self.product.layout
        return np.memmap(self.product.path, np.uint8, "r", layout.first_byte, (self.height, layout.line_bytes))

    def _stored(self, lines: np.ndarray, window: Window) -> np.ndarray:
        layout = self.product.layout
        dtype = np.dtype(layout.dtype)
        begin = layout.before + window.col * dtype.itemsize
        cut = np.ascontiguousarray(lines[:, begin : begin + window.width * dtype.itemsize])
        return cut.view(dtype).astype(dtype.newbyteorder("="))

    def _arrived(self, lines: np.ndarray) -> np.ndarray:
        """Which lines reached the ground: HiRISE's begin with 19 bits 1111111100000000111 (its label says so)."""
        if self.product.instrument != "HIRISE":
            return np.ones(len(lines), bool)
        return (lines[:, 0] == 0xFF) & (lines[:, 1] == 0) & (lines[:, 2] >> 5 == 0b111)


def _valid(stored: np.ndarray, instrument: str) -> np.ndarray:
    """Where stored pixels are measurements, neither gaps nor saturated.

    0 is a gap of CTX (mroctx2isis' FILLGAP) and of MDIS (mdis2isis), and the low end of HiRISE. For the NACs ISIS
    takes 0 as a count; their dark level of about 18 keeps it from being one. HiRISE's gaps are 0xFF.., its
    saturated pixels 254 or 16383, as in hi2isis; the last pixel before a gap of 16 bits may have lost its low byte.
    """
    valid = stored > 0
    if instrument == "HIRISE":
        return valid & (stored < (254 if stored.dtype.itemsize == 1 else HIRISE_HIGHEST))
    if instrument == "MDIS_NAC" and stored.dtype.itemsize == 2:
        return valid & (stored <= MDIS_HIGHEST)
    return valid
