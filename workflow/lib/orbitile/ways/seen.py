"""The camera through which an image without a map is seen, the ground it looks at, and how far to trust them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orbitile.cameras.camera import Camera, to_ground
from orbitile.cameras.elevation import read_heights
from orbitile.cameras.from_kernels import Geometry, geometry
from orbitile.cameras.isd import read_camera, read_ellipsoid
from orbitile.cameras.part import Part
from orbitile.cameras.surfaces import Ellipsoid, Surface
from orbitile.errors import OrbitileError
from orbitile.projecting.border import footprint, gsd_m
from orbitile.projecting.by_points import FEWEST_FOR_SPLINES, ControlPoints, points_camera
from orbitile.rasters.read import opened
from orbitile.raw.label import Label
from orbitile.raw.products import RawProduct, read_product
from orbitile.space.bodies import Body
from orbitile.tables.ways import CORNERS, SPICE
from orbitile.ways.points import Size, points_of_image, points_of_label, read_points
from orbitile.ways.request import Request

MODEL_ERROR_M = 100.0
"""How far off places usually are by a camera model whose making is not known."""
RELIEF_M = 1000.0
"""How far from the ellipsoid the ground may well lie, where no elevation model says."""
CORNERS_ERROR_M = 1000.0
"""How far off corners of labels and indexes may be: rounded, made of predicted positions, without terrain."""
RADII_TOLERANCE = 0.01
"""By how much radii of one body differ from source to source."""
DENSE = 64
"""Points along each side of a footprint that a grid is put around."""


@dataclass(frozen=True)
class Seen:
    """An image's camera and the surface it looks at, and how far off (m) places are expected to be.

    `incidence_deg` is the angle between the Sun and the vertical at its middle; None where it is not known.
    """

    camera: Camera
    surface: Surface
    error_m: float
    incidence_deg: float | None = None

    @property
    def border(self) -> tuple[np.ndarray, np.ndarray]:
        """Longitudes and latitudes (n, degrees) along the image's border; NaN where it looks past the body."""
        return footprint(self.camera, self.surface, DENSE)

    @property
    def gsd_m(self) -> float:
        """Ground sample distance at the middle in metres per pixel: the mean of across and along."""
        return float(np.mean(gsd_m(self.camera, self.surface)))


def seen(request: Request, where: Body) -> Seen:
    """The camera of an image that goes the way of SPICE or of CORNERS (orbitile.tables.ways).

    OrbitileError where kernels do not cover it, corners are missing or wrong, or the image cannot be read.
    """
    if request.way == SPICE:
        return _by_camera(request, where)
    size = size_of(request.path)
    points = known_points(request, where, size)
    if points is None:
        raise OrbitileError(f"{request.path}: has no corners to go by; give them in the scene table's column corners")
    camera = points_camera(points, size, where.radius_m)
    unknown_m = CORNERS_ERROR_M if len(points) < FEWEST_FOR_SPLINES else 0.0
    surface = Ellipsoid(where.radius_m, where.radius_m)
    return Seen(camera, surface, float(np.hypot(camera.expected_error_m, unknown_m)))


def known_points(request: Request, where: Body, size: Size) -> ControlPoints | None:
    """The corners or control points of an image: the scene table's, else its own, else its label's; None for none."""
    if request.corners:
        return read_points(request.corners, size)
    if read_product(request.path) is None:
        with opened(request.path) as source:
            found = points_of_image(source, where)
        if found is not None:
            return found
    return points_of_label(Label.find(request.path), size)


def size_of(path: str) -> Size:
    """Width and height of an image, a raw product's without what sees no ground."""
    product = read_product(path)
    if product is not None:
        return product.width, product.height
    with opened(path) as source:
        return source.width, source.height


def _by_camera(request: Request, where: Body) -> Seen:
    found = _geometry(request, where)
    if request.elevation is None:
        relief_m = RELIEF_M * np.tan(np.radians(_slant_deg(found)))
        return Seen(found.camera, found.ellipsoid, float(np.hypot(found.error_m, relief_m)), _incidence_deg(found))
    border = footprint(found.camera, found.ellipsoid)
    heights = read_heights(Path(request.elevation), where, *(side[np.isfinite(side)] for side in border))
    return Seen(found.camera, heights, found.error_m, _incidence_deg(found))


def _geometry(request: Request, where: Body) -> Geometry:
    kernels = Path(request.kernels)  # orbitile.ways.choose lets no image without them come here
    if kernels.suffix == ".json":
        ellipsoid = _ellipsoid(kernels, where)
        return Geometry(_model_camera(request.path, kernels), ellipsoid, MODEL_ERROR_M)
    return geometry(_product(request), kernels)


def _model_camera(path: str, model: Path) -> Camera:
    """The camera of a camera model, refused where that is of an image of another size.

    Models of raw products that ISIS imports may be of whole lines, with the columns that see no ground, or without.
    ISIS turns round the images that we know as mirrored.
    """
    camera, product, size = read_camera(model), read_product(path), size_of(path)
    if (camera.width, camera.height) == size:
        return camera
    dropped = product.dropped if product else (0, 0)
    if (camera.width - sum(dropped), camera.height) == size:
        is_mirrored = product.columns.mirrored
        return Part(camera, camera.width - dropped[0] if is_mirrored else dropped[0], size[0], is_mirrored)
    raise OrbitileError(
        f"{path}: has {size[0]} columns and {size[1]} lines, but the camera model {model} is of an image with "
        f"{camera.width} and {camera.height}; give the model of this image"
    )


def _ellipsoid(model: Path, where: Body) -> Ellipsoid:
    """The ellipsoid of a camera model, refused where the body's sphere is smaller or larger than it."""
    found = read_ellipsoid(model)
    if not found.polar_m * (1 - RADII_TOLERANCE) <= where.radius_m <= found.equatorial_m * (1 + RADII_TOLERANCE):
        raise OrbitileError(
            f"{model}: the camera model's radii are {found.equatorial_m / 1000:.1f} km and "
            f"{found.polar_m / 1000:.1f} km, but that of {where.name}, the run's body, is "
            f"{where.radius_m / 1000:.1f} km; give the model of an image of {where.name}"
        )
    return found


def _product(request: Request) -> RawProduct:
    product = read_product(request.path)
    if product is None:
        raise OrbitileError(
            f"{request.path}: kernels are named, but it is no raw product of an instrument that is known; give a "
            f"camera model (.json), or corners (way: {CORNERS})"
        )
    return product


def _middle(found: Geometry) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ground's point (3) at the image's middle, its vertical (3), and the look direction (3)."""
    col, row = np.array([found.camera.width / 2]), np.array([found.camera.height / 2])
    ground = to_ground(found.camera, found.ellipsoid, col, row)[0]
    _, look = found.camera.rays(col, row)
    return ground, ground / np.linalg.norm(ground), look[0]


def _slant_deg(found: Geometry) -> float:
    """How far off the vertical the camera looks at the image's middle; 60 at most, or where it looks past the body."""
    _, up, look = _middle(found)
    cosine = -(up @ look)
    return 60.0 if not cosine > 0.5 else float(np.degrees(np.arccos(min(cosine, 1))))


def _incidence_deg(found: Geometry) -> float | None:
    _, up, _ = _middle(found)
    if found.sun is None or not np.isfinite(up).all():
        return None
    return float(np.degrees(np.arccos(np.clip(up @ found.sun, -1, 1))))
