"""Corners and control points of an image: from the scene table, a file, the image itself, or its label."""

import re
from pathlib import Path

import numpy as np
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.georeferencing.image_header import ImageHeader
from orbitile.georeferencing.projection.control_point_camera import ControlPoints
from orbitile.georeferencing.raw.label import PvlLabel
from orbitile.georeferencing.request import GeorefRequest
from orbitile.space.bodies import Body, lies_on
from orbitile.space.ground import Ground, wrap_longitude
from orbitile.tables.column_names import listed_names
from orbitile.tables.scenes import is_points_file
from orbitile.tables.user_tables import EAST_LIMIT, WEST_LIMIT, read_text_table

COLUMNS = ["col", "row", "lon", "lat"]
LABEL_CORNERS = ("UPPER_LEFT", "UPPER_RIGHT", "LOWER_RIGHT", "LOWER_LEFT")
Size = tuple[int, int]
"""Width and height of an image in pixels."""


def control_points(request: GeorefRequest, header: ImageHeader, body: Body) -> ControlPoints | None:
    """The corners or control points of an image: of the scene table, else of the image, else of its label; or None."""
    if request.corners:
        return read_points(request.corners, header.size)
    points = points_of_image(header, body)
    return points_of_label(header.label, header.size, body) if points is None else points


def read_points(corners: str, size: Size) -> ControlPoints:
    """The control points that a scene table's column corners names.

    Either four corners as text, "lon lat; lon lat; lon lat; lon lat" in degrees from the upper left one clockwise, or
    a CSV file of control points with the columns col, row, lon, lat. OrbitileError for anything else.
    """
    return _read_points_file(Path(corners)) if is_points_file(corners) else _parse_corners(corners, size)


def _parse_corners(text: str, size: Size) -> ControlPoints:
    numbers = re.findall(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)", text)
    rest = re.sub(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)|[\s,;()\[\]°]", "", text)
    if len(numbers) != 8 or rest:
        fault = f"contains {rest[:1]!r}" if rest and len(numbers) == 8 else f"contains {len(numbers)} numbers"
        raise OrbitileError(
            f"corners: {shortened(text)!r} {fault}; allowed are four corners, 'lon lat; lon lat; lon lat; lon lat' "
            "in degrees from the upper left one clockwise, or a .csv file of control points"
        )
    lon, lat = np.array([float(number) for number in numbers]).reshape(4, 2).T
    if np.abs(lat).max() > 90 or lon.min() < WEST_LIMIT or lon.max() > EAST_LIMIT:
        raise OrbitileError(
            f"corners: {shortened(text)!r}: latitudes lie in -90..90 and longitudes in {WEST_LIMIT}..{EAST_LIMIT}; "
            "write the longitude of each corner before its latitude"
        )
    decimals = min(len(number.partition(".")[2]) for number in numbers)
    return ControlPoints.of_corners(size, wrap_longitude(lon), lat, decimals)


def _read_points_file(path: Path) -> ControlPoints:
    if not path.is_file():
        raise OrbitileError(f"{path}: there is no such file of control points")
    table = read_text_table(path, COLUMNS)
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise OrbitileError(
            f"{path}: is not a table of control points: column {missing[0]} is missing; it needs numbers in "
            f"{', '.join(COLUMNS)}, and has {listed_names(table.header)}"
        )
    col, row, lon, lat = table.numeric(COLUMNS)
    table.refuse_off_body(lon, lat, ("lon", "lat"))
    return ControlPoints(col, row, wrap_longitude(lon), np.clip(lat, -90, 90))


def points_of_image(header: ImageHeader, body: Body) -> ControlPoints | None:
    """The ground control points that an image carries; None if it has none, or those of another body."""
    if header.gcps is None:
        return None
    points, wkt = header.gcps
    if not lies_on(CRS.from_wkt(wkt), body):
        return None
    lon, lat = Ground(wkt, body.radius_m).lonlat(np.array([p.x for p in points]), np.array([p.y for p in points]))
    return ControlPoints(np.array([p.col for p in points]), np.array([p.row for p in points]), lon, lat)


def points_of_label(label: PvlLabel | None, size: Size, body: Body) -> ControlPoints | None:
    """The corners in a label (UPPER_LEFT_LATITUDE ...); None if it does not name all four.

    Longitudes count to the east and latitudes from the middle of the body, unless the label says that they do not.
    """
    keys = [(f"{corner}_LONGITUDE", f"{corner}_LATITUDE") for corner in LABEL_CORNERS]
    if label is None or not all(label.has(key) for pair in keys for key in pair):
        return None
    lon, lat = np.array([[label.number(key) for key in pair] for pair in keys]).T
    texts = [label.text(key).partition(" ")[0] for pair in keys for key in pair if _has_no_unit(label, key)]
    decimals = min((len(text.partition(".")[2]) for text in texts), default=2)
    if _says(label, "WEST", "POSITIVE_LONGITUDE_DIRECTION"):
        lon = -lon
    if _says(label, "GRAPHIC", "COORDINATE_SYSTEM_NAME", "COORDINATE_SYSTEM_TYPE", "PROJECTION_LATITUDE_TYPE"):
        lat = np.degrees(np.arctan((body.polar_m / body.radius_m) ** 2 * np.tan(np.radians(lat))))
    return ControlPoints.of_corners(size, wrap_longitude(lon), lat, decimals)


def _says(label: PvlLabel, word: str, *keys: str) -> bool:
    """Whether one of a label's texts holds a word."""
    return any(word in label.text(key).upper() for key in keys if label.has(key))


def _has_no_unit(label: PvlLabel, key: str) -> bool:
    """Whether a number in a label is without a unit, so that its text shows its decimals."""
    try:
        label.text(key)
    except OrbitileError:
        return False
    return True
