"""Images without a camera, georeferenced by their corners or by control points alone.

Pixels are fitted to a plane, the azimuthal equidistant map around the points' middle: by a projective map through
four or five points, by thin-plate splines through more. The fit ignores terrain and trusts the points.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np
from numpy.linalg import LinAlgError

from orbitile.base.errors import OrbitileError
from orbitile.space.footprints import azimuthal, from_azimuthal, outline_centre
from orbitile.space.ground import unit_vectors

MIN_SPLINE_POINTS = 6
"""With fewer points, splines are hardly constrained."""

FOLDS = 10
"""Number of parts for cross-validation: each is left out in turn and predicted from the remaining points."""

NEIGHBOURS = 50
"""Nearest points that splines are evaluated from, where there are more than four times as many."""

MAX_ANGLE = np.radians(60)
"""Angle from the points' middle beyond which places are not projected."""

FLATNESS = 1e-3
"""Area over squared extent below which a triangle counts as a line, and width over length below which many points do:
no image is a thousand times as long as wide."""

ERROR_LATTICE = 5
"""Places along each side of an image at which fits are compared."""

ORIGIN_RADII = 2.0
"""Distance from the body's centre at which vertical rays start, in units of the radius."""


@dataclass(frozen=True, eq=False)
class ControlPoints:
    """Longitudes (degrees east) and planetocentric latitudes (degrees) of an image's pixels (col, row), n each.

    `decimals` is the number of decimals that the degrees are rounded to; None: they are exact.
    """

    col: np.ndarray
    row: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    decimals: int | None = None

    @classmethod
    def of_corners(cls, size: tuple[int, int], lon: np.ndarray, lat: np.ndarray, decimals: int | None = None) -> Self:
        """The outer corners of an image of a width and height: upper left, upper right, lower right, lower left."""
        width, height = size
        col, row = np.array([0.0, width, width, 0]), np.array([0.0, 0, height, height])
        return cls(col, row, np.asarray(lon, float), np.asarray(lat, float), decimals)

    def __len__(self) -> int:
        """Number of points."""
        return len(self.col)

    @property
    def pixels(self) -> np.ndarray:
        """Their pixel coordinates (n, 2)."""
        return np.column_stack([self.col, self.row]).astype(float)

    @cached_property
    def centre(self) -> np.ndarray:
        """Their middle on the ground, a unit vector (3,)."""
        return outline_centre(self.lon, self.lat)

    @property
    def plane(self) -> np.ndarray:
        """Azimuthal equidistant coordinates (n, 2) around their middle, in radians."""
        return azimuthal(unit_vectors(self.lon, self.lat), self.centre)


class PlaneFit(Protocol):
    """A map between pixels and the plane, (n, 2) each."""

    def to_plane(self, pixels: np.ndarray) -> np.ndarray:
        """Coordinates (n, 2) on the plane, in radians, of pixels (n, 2: col, row)."""

    def to_pixels(self, plane: np.ndarray) -> np.ndarray:
        """Pixels (n, 2: col, row) of coordinates (n, 2) on the plane; NaN where there are none."""


@dataclass(frozen=True, eq=False)
class Projective:
    """A projective map as a matrix (3, 3) that takes (col, row, 1) to the plane; straight lines stay straight."""

    matrix: np.ndarray

    @classmethod
    def through(cls, pixels: np.ndarray, plane: np.ndarray) -> Self:
        """Through four points (n, 2), or the best fit to more by algebraic least squares.

        By the direct linear transform (Hartley and Zisserman, Multiple View Geometry, 4.1) on scaled coordinates.
        """
        into, onto = _scaling(pixels), _scaling(plane)
        start, end = _applied(into, pixels), _applied(onto, plane)
        ones, zero = np.ones((len(start), 1)), np.zeros((len(start), 3))
        points = np.hstack([start, ones])
        rows = [np.hstack([points, zero, -end[:, :1] * points]), np.hstack([zero, points, -end[:, 1:] * points])]
        *_, vectors = np.linalg.svd(np.vstack(rows))
        return cls(np.linalg.inv(onto) @ vectors[-1].reshape(3, 3) @ into)

    def to_plane(self, pixels: np.ndarray) -> np.ndarray:
        """See PlaneFit."""
        return _applied(self.matrix, pixels)

    def to_pixels(self, plane: np.ndarray) -> np.ndarray:
        """See PlaneFit; NaN beyond the plane's horizon in the image."""
        return _applied(np.linalg.inv(self.matrix), plane)


@dataclass(frozen=True, eq=False)
class Splines:
    """Thin-plate splines through all points in both directions; between points they need not be mutually inverse."""

    pixels_to_plane: Callable[[np.ndarray], np.ndarray]
    plane_to_pixels: Callable[[np.ndarray], np.ndarray]
    pixel_size: float

    @classmethod
    def through(cls, pixels: np.ndarray, plane: np.ndarray) -> Self:
        """Through six points or more."""
        from scipy.interpolate import RBFInterpolator  # here: every plan comes by, and few have points

        neighbours = NEIGHBOURS if len(pixels) > 4 * NEIGHBOURS else None
        scale = float(np.linalg.norm(np.ptp(plane, axis=0)) / np.linalg.norm(np.ptp(pixels, axis=0)))
        options = dict(kernel="thin_plate_spline", neighbors=neighbours)
        return cls(
            RBFInterpolator(pixels, plane / scale, **options), RBFInterpolator(plane / scale, pixels, **options), scale
        )

    def to_plane(self, pixels: np.ndarray) -> np.ndarray:
        """See PlaneFit."""
        return self.pixels_to_plane(pixels) * self.pixel_size

    def to_pixels(self, plane: np.ndarray) -> np.ndarray:
        """See PlaneFit."""
        return self.plane_to_pixels(plane / self.pixel_size)


@dataclass(frozen=True, eq=False)
class ControlPointCamera:
    """A substitute for a Camera (see orbitile.georeferencing.cameras.camera) where only control points are known.

    It looks straight down everywhere, whatever the surface. `expected_error_m` combines the rounding of the points'
    degrees and the residuals of the fit, for splines how far fits without some of the points are off. Four points are
    fitted exactly, so that it holds neither their own errors nor those by terrain.
    """

    width: int
    height: int
    centre: np.ndarray
    radius_m: float
    fit: PlaneFit
    expected_error_m: float

    def rays(self, col: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Camera: straight down, from a radius above the ground."""
        up = from_azimuthal(self.fit.to_plane(np.column_stack([col, row]).astype(float)), self.centre)
        return up * self.radius_m * ORIGIN_RADII, -up

    def to_image(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Camera; NaN more than 60 degrees from the control points' middle."""
        directions = points / np.linalg.norm(points, axis=-1, keepdims=True)
        pixels = np.full((len(points), 2), np.nan)
        near = np.flatnonzero(directions @ self.centre > np.cos(MAX_ANGLE))
        if near.size:
            pixels[near] = self.fit.to_pixels(azimuthal(directions[near], self.centre))
        return pixels[:, 0], pixels[:, 1]


def control_point_camera(points: ControlPoints, size: tuple[int, int], radius_m: float) -> ControlPointCamera:
    """Fit an image of a width and height to control points on a body of a radius in metres.

    A projective map through four or five points, thin-plate splines through six and more. OrbitileError if there are
    fewer than four, if they, or all but one of them, lie on a line, or if four corners are crossed.
    """
    _check(points.pixels, points.plane)
    with _explained(len(points)):
        if len(points) < MIN_SPLINE_POINTS:
            fit: PlaneFit = Projective.through(points.pixels, points.plane)
            residual = _rms(fit.to_plane(points.pixels) - points.plane)
        else:
            fit = Splines.through(points.pixels, points.plane)
            residual = _spline_error(points, fit, size)
    error = float(np.hypot(_rounding_m(points, radius_m), residual * radius_m))
    return ControlPointCamera(*size, points.centre, radius_m, fit, error)


@contextmanager
def _explained(count: int) -> Iterator[None]:
    """Turn errors on fitting so many points into an OrbitileError."""
    try:
        yield
    except LinAlgError as error:
        raise OrbitileError(
            f"control points: the {count} points cannot be fitted ({error}); is a point listed twice, or do all lie on "
            "a line?"
        ) from error


def _check(pixels: np.ndarray, plane: np.ndarray) -> None:
    """OrbitileError for points that cannot be fitted."""
    if len(pixels) < 4:
        raise OrbitileError(f"control points: {len(pixels)} points, but at least 4 are needed; give all four corners")
    if not (np.isfinite(pixels).all() and np.isfinite(plane).all()):
        raise OrbitileError("control points: a coordinate is not a number; give degrees and pixels of all points")
    if len(pixels) == 4 and not _keeps_orientation(pixels, plane):
        raise OrbitileError(
            "control points: the four corners are crossed, on a line, or in another order on the ground than in the "
            "image; give upper left, upper right, lower right, lower left"
        )
    if len(pixels) == 5 and not any(map(_keeps_orientation, *(_fours_of_five(side) for side in (pixels, plane)))):
        raise OrbitileError(
            "control points: no four of the 5 points lie off a line, and in the same order on the ground as in the "
            "image; is a point listed twice? give all four corners"
        )
    if len(pixels) >= MIN_SPLINE_POINTS:
        _refuse_line(pixels, plane)


def _refuse_line(pixels: np.ndarray, plane: np.ndarray) -> None:
    """OrbitileError for points on a line, in the image or on the ground."""
    if min(map(_flatness, (pixels, plane))) < FLATNESS:
        raise OrbitileError(
            f"control points: {len(pixels)} of the points lie on a line, so that the image's other direction hangs on "
            "too few; give some beside it"
        )


def _fours_of_five(points: np.ndarray) -> list[np.ndarray]:
    """All choices (5) of four of five points (5, 2)."""
    return [np.delete(points, omitted, axis=0) for omitted in range(5)]


def _flatness(points: np.ndarray) -> float:
    """How wide points (n, 2) are spread across their longest extent, as a share of that; 0 where all are one."""
    longest, across = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return float(across / longest) if longest > 0 else 0.0


def _keeps_orientation(pixels: np.ndarray, plane: np.ndarray) -> bool:
    """Whether the four triangles of four points all keep their orientation from image to ground, or all change it."""
    signs = [_orientation(pixels, omitted) * _orientation(plane, omitted) for omitted in range(4)]
    return all(sign > 0 for sign in signs) or all(sign < 0 for sign in signs)


def _orientation(points: np.ndarray, omitted: int) -> float:
    """Orientation (-1, 0, 1) of the triangle of the points (4, 2) but number `omitted`; 0 if it is flat."""
    first, second, third = np.delete(points, omitted, axis=0)
    (ax, ay), (bx, by) = second - first, third - first
    area = ax * by - ay * bx
    return float(np.sign(area)) if abs(area) > FLATNESS * (np.ptp(points, axis=0) ** 2).sum() else 0.0


def _rounding_m(points: ControlPoints, radius_m: float) -> float:
    """The largest error in metres by rounding of degrees."""
    if points.decimals is None:
        return 0.0
    half = np.radians(0.5 * 10.0**-points.decimals) * radius_m
    return float(np.hypot(half, half * np.cos(np.radians(points.lat)).max()))


def _spline_error(points: ControlPoints, fit: Splines, size: tuple[int, int]) -> float:
    """Root mean square error of splines in radians: at points left out of the fit, or all over the image, if larger.

    All over the image it is the jackknife's: how far fits without a part of the points differ. Where an image reaches
    beyond its points, errors of these grow.
    """
    folds = _folds(len(points))
    partial_fits = [_fit_without(points, fold) for fold in folds]
    residuals = [partial.to_plane(points.pixels[fold]) - points.plane[fold]
                 for fold, partial in zip(folds, partial_fits, strict=True)]  # fmt: skip
    lattice = np.stack(np.meshgrid(*(np.linspace(0, side, ERROR_LATTICE) for side in size)), axis=-1).reshape(-1, 2)
    deviations = [partial.to_plane(lattice) - fit.to_plane(lattice) for partial in partial_fits]
    return max(_rms(np.concatenate(residuals)), _rms(np.concatenate(deviations)) * np.sqrt(len(folds) - 1))


def _folds(count: int) -> list[np.ndarray]:
    """Indices of points in parts that each spread over all of them."""
    parts = min(count, FOLDS)
    return [np.arange(count)[start::parts] for start in range(parts)]


def _fit_without(points: ControlPoints, fold: np.ndarray) -> Splines:
    """Splines through all points but some; OrbitileError where what remains is a line."""
    remaining = np.setdiff1d(np.arange(len(points)), fold)
    pixels, plane = points.pixels[remaining], points.plane[remaining]
    _refuse_line(pixels, plane)
    return Splines.through(pixels, plane)


def _rms(offsets: np.ndarray) -> float:
    """Root mean square length of vectors (n, 2)."""
    return float(np.sqrt((offsets**2).sum(axis=-1).mean()))


def _scaling(points: np.ndarray) -> np.ndarray:
    """A matrix (3, 3) that moves points (n, 2) around zero and to a size of about one."""
    centre, size = points.mean(axis=0), np.ptp(points, axis=0).max() / 2
    return np.array([[1 / size, 0, -centre[0] / size], [0, 1 / size, -centre[1] / size], [0, 0, 1]])


def _applied(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A projective map (3, 3) of points (n, 2); NaN from its horizon on."""
    x, y, w = matrix @ np.column_stack([points, np.ones(len(points))]).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(w * matrix[2, 2] > 0, [x / w, y / w], np.nan).T
