"""The camera and the surface by which an image is georeferenced that is not map-projected, and their error."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.cameras.camera import Camera, to_ground
from orbitile.georeferencing.cameras.cropped import CroppedCamera
from orbitile.georeferencing.cameras.elevation import read_heights
from orbitile.georeferencing.cameras.isd import read_camera, read_ellipsoid
from orbitile.georeferencing.cameras.surfaces import Ellipsoid, Surface
from orbitile.georeferencing.control_points import control_points, points_of_image
from orbitile.georeferencing.image_header import ImageHeader
from orbitile.georeferencing.instruments.geometry import CameraGeometry, camera_geometry
from orbitile.georeferencing.projection.control_point_camera import MIN_SPLINE_POINTS, control_point_camera
from orbitile.georeferencing.projection.footprint import footprint, ground_sample_distances
from orbitile.georeferencing.request import GeorefRequest
from orbitile.space.bodies import Body
from orbitile.tables.georef_methods import CORNERS, SPICE

MODEL_ERROR_M = 100.0
"""Usual error of positions by a camera model of unknown origin."""
RELIEF_M = 1000.0
"""Usual distance of the ground from the ellipsoid, without an elevation model."""
CORNERS_ERROR_M = 1000.0
"""Usual error of corners in labels and indexes: rounded, of predicted orbits, without terrain. A rough figure, not one
measured: no label at hand has both corners and kernels."""
LABEL_ROTATION_M = {"Mercury": 3400.0}
"""What comes to it, by body, where labels and indexes were made with a rotation that is no longer used: the root mean
square distance between places on the ground by the two. Mercury: pole and prime meridian of the IAU until 2009
(W = 329.548 + 6.1385025 d), which MESSENGER's labels count by, against those of IAU 2015 (Archinal et al. 2018) while
MESSENGER was in orbit: 2.9 to 3.9 km by the time, 4.8 km at most."""
RADII_TOLERANCE = 0.01
"""Relative difference of a body's radii between sources."""
DENSE = 64
"""Points along each side of the footprint around which a grid is fitted."""


@dataclass(frozen=True)
class ImageGeometry:
    """An image's camera, the surface it looks at, and the expected error (m) of positions.

    `incidence_deg` is the angle between the Sun and the vertical at the image's middle; None if it is not known.
    """

    camera: Camera
    surface: Surface
    error_m: float
    incidence_deg: float | None = None

    @property
    def border(self) -> tuple[np.ndarray, np.ndarray]:
        """Longitudes and latitudes (n, degrees) along the image's border; NaN beyond the body's limb."""
        return footprint(self.camera, self.surface, DENSE)

    @property
    def gsd_m(self) -> float:
        """Ground sample distance at the middle in metres per pixel: the mean of across and along."""
        return float(np.mean(ground_sample_distances(self.camera, self.surface)))


def image_geometry(request: GeorefRequest, header: ImageHeader, body: Body) -> ImageGeometry:
    """The geometry of an image that is georeferenced by SPICE or by CORNERS (orbitile.tables.georef_methods).

    OrbitileError if the kernels do not cover the image, or its corners are missing or wrong.
    """
    if request.method == SPICE:
        return _geometry_by_spice(request, header, body)
    points = control_points(request, header, body)
    if points is None:
        raise OrbitileError(
            f"{request.path}: has no corners to be georeferenced by; give them in the scene table's column corners"
        )
    camera = control_point_camera(points, header.size, body.radius_m)
    unknown_m = corners_error_m(request, header, body) if len(points) < MIN_SPLINE_POINTS else 0.0
    surface = Ellipsoid(body.radius_m, body.radius_m)
    return ImageGeometry(camera, surface, float(np.hypot(camera.expected_error_m, unknown_m)))


def corners_error_m(request: GeorefRequest, header: ImageHeader, body: Body) -> float:
    """How far off (m) corners usually are: those of labels, and of tables that were copied from them, by the body.

    Those that an image carries itself have a coordinate system, and so the rotation that it names.
    """
    carries_points = not request.corners and points_of_image(header, body) is not None
    return CORNERS_ERROR_M if carries_points else float(np.hypot(CORNERS_ERROR_M, LABEL_ROTATION_M.get(body.name, 0.0)))


def _geometry_by_spice(request: GeorefRequest, header: ImageHeader, body: Body) -> ImageGeometry:
    geometry = _camera_geometry(request, header, body)
    incidence_deg = _incidence_deg(geometry)
    if request.elevation is None:
        relief_m = RELIEF_M * np.tan(np.radians(_off_vertical_deg(geometry)))
        error_m = float(np.hypot(geometry.error_m, relief_m))
        return ImageGeometry(geometry.camera, geometry.ellipsoid, error_m, incidence_deg)
    border = footprint(geometry.camera, geometry.ellipsoid)
    heights = read_heights(Path(request.elevation), body, *(side[np.isfinite(side)] for side in border))
    return ImageGeometry(geometry.camera, heights, geometry.error_m, incidence_deg)


def _camera_geometry(request: GeorefRequest, header: ImageHeader, body: Body) -> CameraGeometry:
    if request.kernels is None:
        raise OrbitileError(f"{request.path}: georef_method is {SPICE}, but no kernels are named")
    kernels = Path(request.kernels)
    if kernels.suffix == ".json":
        ellipsoid = _model_ellipsoid(kernels, body)
        return CameraGeometry(_model_camera(header, kernels), ellipsoid, MODEL_ERROR_M)
    if header.product is None:
        raise OrbitileError(
            f"{request.path}: kernels are named, but the image is not a raw product of a supported instrument; give a "
            f"camera model (.json), or corners (georef_method: {CORNERS})"
        )
    return camera_geometry(header.product, kernels)


def _model_camera(header: ImageHeader, model: Path) -> Camera:
    """The camera of a camera model; OrbitileError if that is the model of an image of another size.

    Models of raw products that ISIS imports may be of whole lines, with the columns that see no ground, or without.
    ISIS flips the images that we treat as mirrored.
    """
    camera, product = read_camera(model), header.product
    if (camera.width, camera.height) == header.size:
        return camera
    if product is not None and (camera.width - sum(product.dropped_columns), camera.height) == header.size:
        first, is_mirrored = product.dropped_columns[0], product.columns.mirrored
        return CroppedCamera(camera, camera.width - first if is_mirrored else first, header.width, is_mirrored)
    raise OrbitileError(
        f"{header.path}: has {header.width} columns and {header.height} lines, but the camera model {model} is of an "
        f"image with {camera.width} and {camera.height}; give the model of this image"
    )


def _model_ellipsoid(model: Path, body: Body) -> Ellipsoid:
    """The ellipsoid of a camera model; OrbitileError if it does not agree with the radius of the run's body."""
    ellipsoid = read_ellipsoid(model)
    smallest_m, largest_m = ellipsoid.polar_m * (1 - RADII_TOLERANCE), ellipsoid.equatorial_m * (1 + RADII_TOLERANCE)
    if not smallest_m <= body.radius_m <= largest_m:
        raise OrbitileError(
            f"{model}: the radii in the camera model are {ellipsoid.equatorial_m / 1000:.1f} km and "
            f"{ellipsoid.polar_m / 1000:.1f} km, but that of {body.name}, the run's body, is "
            f"{body.radius_m / 1000:.1f} km; give the model of an image of {body.name}"
        )
    return ellipsoid


def _view_at_middle(geometry: CameraGeometry) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At the image's middle: the point on the ground (3, metres), the vertical (3), and the look direction (3)."""
    col, row = np.array([geometry.camera.width / 2]), np.array([geometry.camera.height / 2])
    ground = to_ground(geometry.camera, geometry.ellipsoid, col, row)[0]
    _, directions = geometry.camera.rays(col, row)
    return ground, ground / np.linalg.norm(ground), directions[0]


def _off_vertical_deg(geometry: CameraGeometry) -> float:
    """Angle between look direction and vertical at the image's middle; 60 at most, and beyond the limb."""
    _, up, direction = _view_at_middle(geometry)
    cosine = -(up @ direction)
    return 60.0 if not cosine > 0.5 else float(np.degrees(np.arccos(min(cosine, 1))))


def _incidence_deg(geometry: CameraGeometry) -> float | None:
    _, up, _ = _view_at_middle(geometry)
    if geometry.sun is None or not np.isfinite(up).all():
        return None
    return float(np.degrees(np.arccos(np.clip(up @ geometry.sun, -1, 1))))
