"""Cameras that see one line at a time while they fly on: CTX, HiRISE, LROC NAC."""

from dataclasses import dataclass

import numpy as np

from orbitile.cameras.motion import Motion
from orbitile.cameras.optics import Detector, Optics
from orbitile.cameras.visible import faces

STEPS = 30
CLOSE_PX = 1e-8
"""A step, in rows, after which the search for a point's row ends. The next would be rounding: some 1e-10 px."""
ARRIVED_PX = 1e-6
"""A last step, in rows, above which a point counts as not found."""


@dataclass(frozen=True)
class LineTimes:
    """When each row is seen: from the upper edge of row `rows[i]`, at `starts[i]` (s), on each takes `rates[i]` s."""

    rows: tuple[float, ...]
    starts: tuple[float, ...]
    rates: tuple[float, ...]

    def at(self, row: np.ndarray) -> np.ndarray:
        """Times (s) of rows, which may be fractions; they go on before the first and after the last."""
        which = np.clip(np.searchsorted(self.rows, row, side="right") - 1, 0, len(self.rows) - 1)
        rows, starts, rates = (np.array(values)[which] for values in (self.rows, self.starts, self.rates))
        return starts + (row - rows) * rates


@dataclass(frozen=True)
class LineScanCamera:
    """An image of a line scanner (see orbitile.cameras.camera.Camera)."""

    width: int
    height: int
    optics: Optics
    detector: Detector
    times: LineTimes
    motion: Motion

    def rays(self, col: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Camera."""
        positions, turned = self.motion.at(self.times.at(row))
        look = self.optics.look(self.detector.sample(col), np.full_like(row, self.detector.first_line))
        return positions, turned.apply(look)

    def to_image(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Camera. By the secant method: the row whose line, at its time, has the point on it."""
        known = np.isfinite(points).all(axis=-1)
        col, row = np.full((2, len(points)), np.nan)
        if known.any():
            col[known], row[known] = self._search(points[known])
        return col, row

    def _search(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels of points (n, 3), beginning with the chord over the whole image."""
        before, row = np.zeros(len(points)), np.full(len(points), float(self.height))
        off_before, *_ = self._off(points, before)
        slope = np.ones(len(points))
        for _ in range(STEPS):
            off, col, seen = self._off(points, row)
            with np.errstate(divide="ignore", invalid="ignore"):
                chord = (off - off_before) / (row - before)
            # Where two rows are nearly the same, their difference is rounding.
            usable = np.isfinite(chord) & (chord != 0) & (np.abs(row - before) > ARRIVED_PX)
            slope = np.where(usable, chord, slope)
            step = np.nan_to_num(np.clip(-off / slope, -self._far, self._far), nan=self._far)
            before, off_before, row = row, off, row + step
            if np.abs(step).max(initial=0) <= CLOSE_PX:
                break
        found = seen & (np.abs(step) < ARRIVED_PX)
        return np.where(found, col, np.nan), np.where(found, row, np.nan)

    @property
    def _far(self) -> float:
        """The most rows that one step of a search may take; also where a point is behind the camera."""
        return 2.0 * self.height

    def _off(self, points: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How many detector lines points (n, 3) lie off the one that sees, at the times of rows (n).

        With their columns, and whether they face the camera.
        """
        positions, turned = self.motion.at(self.times.at(row))
        sample, line = self.optics.detect(turned.apply(points - positions, inverse=True))
        return line - self.detector.first_line, self.detector.col(sample), faces(points, positions)
