"""Corners and control points of an image: from the scene table, a file, the image itself, or its label."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from pyproj import CRS

from orbitile.base.errors import OrbitileError, first_line
from orbitile.georeferencing.image_header import ImageHeader
from orbitile.georeferencing.projection.control_point_camera import ControlPoints
from orbitile.georeferencing.raw.label import PvlLabel
from orbitile.georeferencing.request import GeorefRequest
from orbitile.space.bodies import Body, lies_on
from orbitile.space.ground import Ground, wrap_longitude
from orbitile.tables.scenes import is_points_file

COLUMNS = ["col", "row", "lon", "lat"]
LABEL_CORNERS = ("UPPER_LEFT", "UPPER_RIGHT", "LOWER_RIGHT", "LOWER_LEFT")
Size = tuple[int, int]
"""Width and height of an image in pixels."""


def control_points(request: GeorefRequest, header: ImageHeader, body: Body) -> ControlPoints | None:
    """The corners or control points of an image: of the scene table, else of the image, else of its label; or None."""
    if request.corners:
        return read_points(request.corners, header.size)
    points = points_of_image(header, body)
    return points_of_label(header.label, header.size) if points is None else points


def read_points(corners: str, size: Size) -> ControlPoints:
    """The control points that a scene table's column corners names.

    Either four corners as text, "lon lat; lon lat; lon lat; lon lat" in degrees from the upper left one clockwise, or
    a CSV file of control points with the columns col, row, lon, lat. OrbitileError for anything else.
    """
    return _read_points_file(Path(corners)) if is_points_file(corners) else _parse_corners(corners, size)


def _parse_corners(text: str, size: Size) -> ControlPoints:
    numbers = re.findall(r"[-+]?\d+(?:\.\d*)?|[-+]?\.\d+", text)
    if len(numbers) != 8:
        raise OrbitileError(
            f"corners: {text!r} contains {len(numbers)} numbers; allowed are four corners, 'lon lat; lon lat; lon lat; "
            "lon lat' from the upper left one clockwise, or a .csv file of control points"
        )
    lon, lat = np.array([float(number) for number in numbers]).reshape(4, 2).T
    decimals = min(len(number.partition(".")[2]) for number in numbers)
    return ControlPoints.of_corners(size, wrap_longitude(lon), lat, decimals)


def _read_points_file(path: Path) -> ControlPoints:
    try:
        table = pd.read_csv(path, comment="#", skipinitialspace=True)
        columns = table[COLUMNS].astype(float)
    except (OSError, ValueError, KeyError) as error:
        raise OrbitileError(
            f"{path}: is not a table of control points ({first_line(error)}); it needs numbers in the columns "
            f"{', '.join(COLUMNS)}"
        ) from error
    col, row, lon, lat = columns.to_numpy().T
    return ControlPoints(col, row, wrap_longitude(lon), lat)


def points_of_image(header: ImageHeader, body: Body) -> ControlPoints | None:
    """The ground control points that an image carries; None if it has none, or those of another body."""
    if header.gcps is None:
        return None
    points, wkt = header.gcps
    if not lies_on(CRS.from_wkt(wkt), body):
        return None
    lon, lat = Ground(wkt, body.radius_m).lonlat(np.array([p.x for p in points]), np.array([p.y for p in points]))
    return ControlPoints(np.array([p.col for p in points]), np.array([p.row for p in points]), lon, lat)


def points_of_label(label: PvlLabel | None, size: Size) -> ControlPoints | None:
    """The corners in a label (UPPER_LEFT_LATITUDE ..., longitudes east); None if it does not name all four."""
    keys = [(f"{corner}_LONGITUDE", f"{corner}_LATITUDE") for corner in LABEL_CORNERS]
    if label is None or not all(label.has(key) for pair in keys for key in pair):
        return None
    lon, lat = np.array([[label.number(key) for key in pair] for pair in keys]).T
    texts = [label.text(key).partition(" ")[0] for pair in keys for key in pair if _has_no_unit(label, key)]
    decimals = min((len(text.partition(".")[2]) for text in texts), default=2)
    return ControlPoints.of_corners(size, wrap_longitude(lon), lat, decimals)


def _has_no_unit(label: PvlLabel, key: str) -> bool:
    """Whether a number in a label is without a unit, so that its text shows its decimals."""
    try:
        label.text(key)
    except OrbitileError:
        return False
    return True
