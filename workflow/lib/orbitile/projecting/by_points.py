"""Images without a camera: only corners, or some control points, are known on the ground.

Pixels are fitted to a plane, the azimuthal equidistant map around the points' middle: by a projective map through
four points, by thin-plate splines through more. It knows nothing of terrain, nor whether the points are right.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, Self

import numpy as np
from numpy.linalg import LinAlgError
from scipy.interpolate import RBFInterpolator

from orbitile.errors import OrbitileError
from orbitile.space.footprints import azimuthal, from_azimuthal, middle
from orbitile.space.ground import unit_vectors

FEWEST_FOR_SPLINES = 6
"""Below it, splines would have hardly anything to bend after."""

FOLDS = 10
"""Parts that control points are left out by in turn, to see how far off the others put them."""

NEIGHBOURS = 50
"""Points that splines take into account, where there are far more."""

REACH = np.radians(60)
"""Angle from the points' middle beyond which nothing is said."""

FLAT = 1e-3
"""Height over length below which a triangle counts as a line: no image is a thousand times as long as wide."""

ORIGIN_RADII = 2.0
"""Where the rays start that look straight down, in units of the radius."""


@dataclass(frozen=True, eq=False)
class ControlPoints:
    """Places (degrees; longitudes east, latitudes planetocentric) of an image's pixels (col, row), n each.

    `decimals` is to how many the degrees are given; None: exactly.
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
        """How many."""
        return len(self.col)

    @property
    def pixels(self) -> np.ndarray:
        """Their pixel coordinates (n, 2)."""
        return np.column_stack([self.col, self.row]).astype(float)

    @cached_property
    def centre(self) -> np.ndarray:
        """Their middle on the ground, a unit vector (3,)."""
        return middle(self.lon, self.lat)

    @property
    def plane(self) -> np.ndarray:
        """Azimuthal equidistant coordinates (n, 2) around their middle, in radians."""
        return azimuthal(unit_vectors(self.lon, self.lat), self.centre)

    def some(self, which: np.ndarray) -> Self:
        """Some of them."""
        return replace(self, **{name: getattr(self, name)[which] for name in ("col", "row", "lon", "lat")})


class Fit(Protocol):
    """A map between pixels and the plane, (n, 2) each."""

    def down(self, pixels: np.ndarray) -> np.ndarray:
        """The plane's coordinates of pixels."""

    def up(self, plane: np.ndarray) -> np.ndarray:
        """The pixels of the plane's coordinates; NaN where there are none."""


@dataclass(frozen=True, eq=False)
class Projective:
    """A projective map as a matrix (3, 3) that takes (col, row, 1) to the plane; straight lines stay straight."""

    matrix: np.ndarray

    @classmethod
    def through(cls, pixels: np.ndarray, plane: np.ndarray) -> Self:
        """Through four points or more, of these the best in the sense of algebraic least squares.

        By the direct linear transform (Hartley and Zisserman, Multiple View Geometry, 4.1) on scaled coordinates.
        """
        into, onto = _scaling(pixels), _scaling(plane)
        start, end = _applied(into, pixels), _applied(onto, plane)
        one, zero = np.ones((len(start), 1)), np.zeros((len(start), 3))
        points = np.hstack([start, one])
        rows = [np.hstack([points, zero, -end[:, :1] * points]), np.hstack([zero, points, -end[:, 1:] * points])]
        *_, vectors = np.linalg.svd(np.vstack(rows))
        return cls(np.linalg.inv(onto) @ vectors[-1].reshape(3, 3) @ into)

    def down(self, pixels: np.ndarray) -> np.ndarray:
        """See Fit."""
        return _applied(self.matrix, pixels)

    def up(self, plane: np.ndarray) -> np.ndarray:
        """See Fit; NaN beyond the plane's horizon in the image."""
        return _applied(np.linalg.inv(self.matrix), plane)


@dataclass(frozen=True, eq=False)
class Splines:
    """Thin-plate splines there and back through all points; between them the two need not be inverse to each other."""

    ground: RBFInterpolator
    image: RBFInterpolator
    pixel: float

    @classmethod
    def through(cls, pixels: np.ndarray, plane: np.ndarray) -> Self:
        """Through six points or more."""
        neighbours = NEIGHBOURS if len(pixels) > 4 * NEIGHBOURS else None
        scale = float(np.linalg.norm(np.ptp(plane, axis=0)) / np.linalg.norm(np.ptp(pixels, axis=0)))
        options = dict(kernel="thin_plate_spline", neighbors=neighbours)
        return cls(
            RBFInterpolator(pixels, plane / scale, **options), RBFInterpolator(plane / scale, pixels, **options), scale
        )

    def down(self, pixels: np.ndarray) -> np.ndarray:
        """See Fit."""
        return self.ground(pixels) * self.pixel

    def up(self, plane: np.ndarray) -> np.ndarray:
        """See Fit."""
        return self.image(plane / self.pixel)


@dataclass(frozen=True, eq=False)
class PointsCamera:
    """What stands for a camera where only control points are known (`orbitile.cameras.camera.Camera`).

    It looks straight down everywhere, whatever the surface. `expected_error_m` is what is known of its error: the
    rounding of the points' degrees and how far off points are found that the fit does not know. Four points
    leave nothing over, so that their own errors and terrain are not in it.
    """

    width: int
    height: int
    centre: np.ndarray
    radius_m: float
    fit: Fit
    expected_error_m: float

    def rays(self, col: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Camera: straight down, from a radius above the ground."""
        up = from_azimuthal(self.fit.down(np.column_stack([col, row]).astype(float)), self.centre)
        return up * self.radius_m * ORIGIN_RADII, -up

    def to_image(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See Camera; NaN more than 60 degrees from the control points' middle."""
        directions = points / np.linalg.norm(points, axis=-1, keepdims=True)
        found = np.full((len(points), 2), np.nan)
        near = np.flatnonzero(directions @ self.centre > np.cos(REACH))
        if near.size:
            found[near] = self.fit.up(azimuthal(directions[near], self.centre))
        return found[:, 0], found[:, 1]


def points_camera(points: ControlPoints, size: tuple[int, int], radius_m: float) -> PointsCamera:
    """Fit an image of a width and height to control points on a body of a radius in metres.

    A projective map through four or five points, thin-plate splines through six and more. OrbitileError if there are
    fewer, if they do not spread over an area, or if four corners are crossed.
    """
    fit = _fit(points, points.pixels, points.plane)
    error = float(np.hypot(_rounding_m(points, radius_m), _residual(points, fit) * radius_m))
    return PointsCamera(*size, points.centre, radius_m, fit, error)


def _fit(points: ControlPoints, pixels: np.ndarray, plane: np.ndarray) -> Fit:
    """The map that suits the number of points."""
    _check(pixels, plane)
    try:
        if len(points) < FEWEST_FOR_SPLINES:
            return Projective.through(pixels, plane)
        return Splines.through(pixels, plane)
    except LinAlgError as error:
        raise OrbitileError(
            f"control points: no map goes through the {len(points)} given ({error}); are some given twice, or all on a "
            "line?"
        ) from error


def _check(pixels: np.ndarray, plane: np.ndarray) -> None:
    """Refuse points that no map goes through."""
    if len(pixels) < 4:
        raise OrbitileError(f"control points: {len(pixels)} given, but at least 4 are needed; give all four corners")
    if not (np.isfinite(pixels).all() and np.isfinite(plane).all()):
        raise OrbitileError("control points: some are not numbers; give all of them, in degrees and pixels")
    if len(pixels) == 4 and not _is_turned_alike(pixels, plane):
        raise OrbitileError(
            "control points: the four corners are crossed, on a line or in another order on the ground than in the "
            "image; give upper left, upper right, lower right, lower left"
        )


def _is_turned_alike(pixels: np.ndarray, plane: np.ndarray) -> bool:
    """Whether all four triangles of four points have the same sense of turning, or all the opposite one."""
    signs = [_turn(pixels, left_out) * _turn(plane, left_out) for left_out in range(4)]
    return all(sign > 0 for sign in signs) or all(sign < 0 for sign in signs)


def _turn(points: np.ndarray, left_out: int) -> float:
    """Sense of turning (-1, 0, 1) of the triangle of all points but one; 0 if it is flat."""
    first, second, third = np.delete(points, left_out, axis=0)
    (ax, ay), (bx, by) = second - first, third - first
    area = ax * by - ay * bx
    return float(np.sign(area)) if abs(area) > FLAT * (np.ptp(points, axis=0) ** 2).sum() else 0.0


def _rounding_m(points: ControlPoints, radius_m: float) -> float:
    """How far, at most, rounded degrees put a point off."""
    if points.decimals is None:
        return 0.0
    half = np.radians(0.5 * 10.0**-points.decimals) * radius_m
    return float(np.hypot(half, half * np.cos(np.radians(points.lat)).max()))


def _residual(points: ControlPoints, fit: Fit) -> float:
    """Root mean square distance in radians between points and where a fit puts them: splines, one that lacks them."""
    if isinstance(fit, Projective):
        return float(_rms(fit.down(points.pixels) - points.plane))
    return _rms(np.concatenate([_left_out(points, fold) for fold in _folds(len(points))]))


def _folds(count: int) -> list[np.ndarray]:
    """Numbers up to a count in parts that each spread over all of them, few enough to leave points for splines."""
    parts = min(count, max(FOLDS, -(-count // (count - FEWEST_FOR_SPLINES)))) if count > FEWEST_FOR_SPLINES else 0
    return [np.arange(count)[start::parts] for start in range(parts)]


def _left_out(points: ControlPoints, fold: np.ndarray) -> np.ndarray:
    """Distances (n, 2) on the plane between points and where splines through the others put them."""
    others = np.setdiff1d(np.arange(len(points)), fold)
    fit = Splines.through(points.pixels[others], points.plane[others])
    return fit.down(points.pixels[fold]) - points.plane[fold]


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
