"""Where corners and control points of an image come from: the scene table, a file of them, the image, its label."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from pyproj import CRS

from orbitile.errors import OrbitileError, first_line
from orbitile.projecting.by_points import ControlPoints
from orbitile.raw.label import Label
from orbitile.space.bodies import Body, lies_on
from orbitile.space.ground import Ground, wrap
from orbitile.tables.scenes import is_points_file

COLUMNS = ["col", "row", "lon", "lat"]
OF_LABEL = ("UPPER_LEFT", "UPPER_RIGHT", "LOWER_RIGHT", "LOWER_LEFT")
Size = tuple[int, int]
"""Width and height of an image."""


def read_points(corners: str, size: Size) -> ControlPoints:
    """The points that a scene table names.

    Either four corners as text, "lon lat; lon lat; lon lat; lon lat" in degrees from the upper left one clockwise, or a
    CSV file of control points with the columns col, row, lon, lat.
    """
    return _of_file(Path(corners)) if is_points_file(corners) else _of_text(corners, size)


def _of_text(text: str, size: Size) -> ControlPoints:
    numbers = re.findall(r"[-+]?\d+(?:\.\d*)?|[-+]?\.\d+", text)
    if len(numbers) != 8:
        raise OrbitileError(
            f"corners: {text!r} holds {len(numbers)} numbers; allowed are four corners, 'lon lat; lon lat; lon lat; "
            "lon lat' from the upper left one clockwise, or a .csv of control points"
        )
    lon, lat = np.array([float(one) for one in numbers]).reshape(4, 2).T
    return ControlPoints.of_corners(size, wrap(lon), lat, min(len(one.partition(".")[2]) for one in numbers))


def _of_file(path: Path) -> ControlPoints:
    try:
        table = pd.read_csv(path, comment="#", skipinitialspace=True)
        columns = table[COLUMNS].astype(float)
    except (OSError, ValueError, KeyError) as error:
        raise OrbitileError(
            f"{path}: not a table of control points ({first_line(error)}); needed are numbers in the columns "
            f"{', '.join(COLUMNS)}"
        ) from error
    col, row, lon, lat = columns.to_numpy().T
    return ControlPoints(col, row, wrap(lon), lat)


def points_of_image(source: rasterio.DatasetReader, where: Body) -> ControlPoints | None:
    """The ground control points that an image carries; None where it has none, or of another body."""
    points, crs = source.gcps
    if not points or crs is None:
        return None
    wkt = crs.to_wkt()
    if not lies_on(CRS.from_wkt(wkt), where):
        return None
    lon, lat = Ground(wkt, where.radius_m).lonlat(np.array([p.x for p in points]), np.array([p.y for p in points]))
    return ControlPoints(np.array([p.col for p in points]), np.array([p.row for p in points]), lon, lat)


def points_of_label(label: Label | None, size: Size) -> ControlPoints | None:
    """The corners that a label names (UPPER_LEFT_LATITUDE and its kin, longitudes east); None where it does not."""
    keys = [(f"{corner}_LONGITUDE", f"{corner}_LATITUDE") for corner in OF_LABEL]
    if label is None or not all(label.has(key) for pair in keys for key in pair):
        return None
    lon, lat = np.array([[label.number(key) for key in pair] for pair in keys]).T
    texts = [label.text(key).partition(" ")[0] for pair in keys for key in pair if _is_plain(label, key)]
    decimals = min((len(text.partition(".")[2]) for text in texts), default=2)
    return ControlPoints.of_corners(size, wrap(lon), lat, decimals)


def _is_plain(label: Label, key: str) -> bool:
    """Whether a number in a label stands there without a unit, so that its text shows its decimals."""
    try:
        label.text(key)
    except OrbitileError:
        return False
    return True
