"""Pixels of raw products: decompanded, without prefixes and dark columns, gaps marked."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from orbitile.georeferencing.raw.checks import check_file
from orbitile.georeferencing.raw.products import RawProduct
from orbitile.space.grids import Window


@dataclass(frozen=True)
class RawPixels:
    """Reads the pixels of a product window by window; no more than a window is held in memory.

    The file is checked first (see `check_file`). Without `decompanded`, pixels are as stored.
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
        is_byte = np.dtype(self.product.layout.dtype).itemsize == 1
        return 255.0 if is_byte else float(self.product.format.highest_count)

    def read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (rows, columns) of a window, and where they are valid (bool).

        IndexError for a window that is not inside the image.
        """
        inside = window.col + window.width <= self.width and window.row + window.height <= self.height
        if not inside or min(window.col, window.row) < 0:
            raise IndexError(f"{window} is not inside {self.width} x {self.height} pixels")
        lines = self._lines[window.row : window.row + window.height]
        stored = self._stored(lines, window)
        valid = self.product.format.is_valid(stored) & self.product.format.is_complete_line(lines)[:, None]
        if self._table is None:
            return stored, valid
        pixels = self._table[stored]
        return pixels, valid & np.isfinite(pixels)

    @cached_property
    def _table(self) -> np.ndarray | None:
        """The count (256) of each stored byte; None where pixels stay as stored, as those of 16 bits do."""
        if not self.decompanded or np.dtype(self.product.layout.dtype).itemsize != 1:
            return None
        table = self.product.format.decompanding_table(self.product.label)
        return None if table is None else table.astype(np.float32)

    @cached_property
    def _lines(self) -> np.memmap:
        """All lines with their prefixes and suffixes: bytes (lines, line_bytes)."""
        layout = self.product.layout
        return np.memmap(self.product.path, np.uint8, "r", layout.first_byte, (self.height, layout.line_bytes))

    def _stored(self, lines: np.ndarray, window: Window) -> np.ndarray:
        layout = self.product.layout
        dtype = np.dtype(layout.dtype)
        start = layout.pixel_offset + window.col * dtype.itemsize
        pixel_bytes = np.ascontiguousarray(lines[:, start : start + window.width * dtype.itemsize])
        return pixel_bytes.view(dtype).astype(dtype.newbyteorder("="))
