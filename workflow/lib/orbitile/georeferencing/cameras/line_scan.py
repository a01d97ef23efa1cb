"""Line scanners, which take one line after another while they fly on."""

from dataclasses import dataclass

import numpy as np

from orbitile.georeferencing.cameras.motion import Motion
from orbitile.georeferencing.cameras.optics import Detector, Optics
from orbitile.georeferencing.cameras.visibility import faces_camera

MAX_STEPS = 30
CONVERGED_PX = 1e-8
"""A step, in rows, after which the search for a point's row ends. The next would be rounding: some 1e-10 px."""
MAX_LAST_STEP_PX = 1e-6
"""A last step, in rows, above which no pixel counts as seeing a point."""


@dataclass(frozen=True)
class LineTimes:
    """When each row is taken: from the upper edge of row `rows[i]`, at `starts[i]` (s), on, each takes `rates[i]` s."""

    rows: tuple[float, ...]
    starts: tuple[float, ...]
    rates: tuple[float, ...]

    def at(self, row: np.ndarray) -> np.ndarray:
        """Times (n, s) of rows (n), which may be fractions, and lie before the first or after the last."""
        index = np.clip(np.searchsorted(self.rows, row, side="right") - 1, 0, len(self.rows) - 1)
        rows, starts, rates = (np.array(values)[index] for values in (self.rows, self.starts, self.rates))
        return starts + (row - rows) * rates


@dataclass(frozen=True)
class LineScanCamera:
    """An image of a line scanner (see Camera)."""

    width: int
    height: int
    optics: Optics
    detector: Detector
    times: LineTimes
    motion: Motion

    def rays(self, col: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Camera."""
        positions, rotations = self.motion.at(self.times.at(row))
        directions = self.optics.directions(self.detector.sample(col), np.full_like(row, self.detector.first_line))
        return positions, rotations.apply(directions)

    def to_image(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Camera. By the secant method: the row whose line, at its time, has the point on it."""
        finite = np.isfinite(points).all(axis=-1)
        col, row = np.full((2, len(points)), np.nan)
        if finite.any():
            col[finite], row[finite] = self._search(points[finite])
        return col, row

    def _search(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels of points (n, 3), beginning with the chord over the complete image."""
        previous, row = np.zeros(len(points)), np.full(len(points), float(self.height))
        previous_off, *_ = self._off_line(points, previous)
        slope = np.ones(len(points))
        for _ in range(MAX_STEPS):
            off, col, is_visible = self._off_line(points, row)
            with np.errstate(divide="ignore", invalid="ignore"):
                chord = (off - previous_off) / (row - previous)
            # Where two rows are nearly the same, their difference is rounding.
            usable = np.isfinite(chord) & (chord != 0) & (np.abs(row - previous) > MAX_LAST_STEP_PX)
            slope = np.where(usable, chord, slope)
            step = np.nan_to_num(np.clip(-off / slope, -self._max_step, self._max_step), nan=self._max_step)
            previous, previous_off, row = row, off, row + step
            if np.abs(step).max(initial=0) <= CONVERGED_PX:
                break
        converged = is_visible & (np.abs(step) < MAX_LAST_STEP_PX)
        return np.where(converged, col, np.nan), np.where(converged, row, np.nan)

    @property
    def _max_step(self) -> float:
        """The most rows that one step of a search may take; also the step where a point is behind the camera."""
        return 2.0 * self.height

    def _off_line(self, points: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How many detector lines points (n, 3) lie off the one that sees, at the times of rows (n).

        With their columns, and whether they face the camera.
        """
        positions, rotations = self.motion.at(self.times.at(row))
        sample, line = self.optics.detect(rotations.apply(points - positions, inverse=True))
        return line - self.detector.first_line, self.detector.col(sample), faces_camera(points, positions)
