"""The geometry of users' layers: mended with a word where its meaning is clear, else refused by its row."""

import logging
from pathlib import Path

import geopandas
import numpy as np
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.space.bodies import Body
from orbitile.space.ground import Ground
from orbitile.tables.layer_rows import refuse_rows, rows_text
from orbitile.tables.layers import layer_map
from orbitile.tables.wide_shapes import cut_wide_shapes

log = logging.getLogger(__name__)

LINES, POLYGONS = ("LineString", "MultiLineString"), ("Polygon", "MultiPolygon")
POINTS = ("Point", "MultiPoint")
MAX_LON, MAX_LAT = 540.0, 90.01
"""As far out in degrees as drawings of a body reach: half a turn beyond 0..360, a pixel's rounding beyond a pole."""
HALF_TURN = 180.0
POLE = 89.9


def checked_geometry(frame: geopandas.GeoDataFrame, path: str | Path, body: Body) -> geopandas.GeoDataFrame:
    """The features of a layer that have lines or polygons, in two dimensions; the index keeps the file's rows, from 0.

    Features without geometry and those without extent are left out, polygons that cross themselves are made valid: each
    with a warning. OrbitileError for a wrong map (see layer_map); and with the row of the first, for other geometries
    than lines and polygons, coordinates that are no numbers or lie off the body, and edges of half a turn and more.
    Shapes that reach around the body come in several rows (see orbitile.tables.wide_shapes).
    """
    frame = _left_out(frame, ~_is_drawn(frame), path, "without geometry")
    if not len(frame):
        return frame
    ground = Ground(layer_map(frame, path, body), body.radius_m)
    _check_types(frame, path)
    shapes, rows = shapely.force_2d(frame.geometry.to_numpy()), frame.index.to_numpy()
    _check_places(shapes, rows, ground, path)
    shapes = _valid(shapes, rows, path)
    frame = _left_out(frame.set_geometry(shapes, crs=frame.crs), _is_degenerate(shapes), path, "without extent")
    pieces, owner = cut_wide_shapes(frame.geometry.to_numpy(), ground)
    return frame.iloc[owner].set_geometry(pieces, crs=frame.crs)


def checked_points(frame: geopandas.GeoDataFrame, path: str | Path, body: Body) -> geopandas.GeoDataFrame:
    """The points of a layer, in two dimensions, several of a feature in several rows; the index keeps the file's rows.

    Features without geometry are left out with a warning. OrbitileError for a wrong map (see layer_map); and with the
    row of the first, for other geometries than points, and coordinates that are no numbers or lie off the body.
    """
    frame = _left_out(frame, ~_is_drawn(frame), path, "without geometry")
    if not len(frame):
        return frame
    ground = Ground(layer_map(frame, path, body), body.radius_m)
    others = frame.geom_type[~frame.geom_type.isin(POINTS)]
    if len(others):
        raise OrbitileError(
            f"{path}: row {others.index[0] + 1} is a {others.iloc[0]}; labels of single places are points: remove it, "
            "or give lines and polygons as segmentation_training.labels"
        )
    frame = frame.explode()
    _check_places(shapely.force_2d(frame.geometry.to_numpy()), frame.index.to_numpy(), ground, path)
    return frame.set_geometry(shapely.force_2d(frame.geometry.to_numpy()), crs=frame.crs)


def _is_drawn(frame: geopandas.GeoDataFrame) -> np.ndarray:
    return ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy()


def _left_out(
    frame: geopandas.GeoDataFrame, is_left_out: np.ndarray, path: str | Path, what: str
) -> geopandas.GeoDataFrame:
    rows = frame.index.to_numpy()[is_left_out]
    if len(rows):
        log.warning("%s: %d features %s skipped: %s", path, len(rows), what, rows_text(rows))
    return frame[~is_left_out]


def _check_types(frame: geopandas.GeoDataFrame, path: str | Path) -> None:
    types = frame.geom_type
    unsupported = types[~types.isin(LINES + POLYGONS)]
    if len(unsupported):
        raise OrbitileError(
            f"{path}: row {unsupported.index[0] + 1} is a {unsupported.iloc[0]}; "
            "labels are lines or polygons, and so are areas: remove it"
        )


def _check_places(shapes: np.ndarray, rows: np.ndarray, ground: Ground, path: str | Path) -> None:
    """OrbitileError for shapes (n) with vertices that are no places on the body, or with edges around half of it."""
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    is_nan = np.asarray(~np.isfinite(points).all(axis=1))
    refuse_rows(_any_of(is_nan, owner, len(shapes)), rows, path, "has a coordinate that is not a number")
    with np.errstate(all="ignore"):
        lon, lat = ground.degrees(*points.T)
    is_off = ~((np.abs(lon) <= MAX_LON) & (np.abs(lat) <= MAX_LAT))
    if is_off.any():
        first = np.flatnonzero(is_off)[0]
        fault = f"lies off the body: {_place_text(points[first], lon[first], lat[first])}"
        refuse_rows(_any_of(is_off, owner, len(shapes)), rows, path, fault, "is its reference system the right one?")
    if np.ptp(lon) > HALF_TURN:
        refuse_rows(
            _has_wide_edge(shapes, ground), rows, path, "has an edge across more than 180 degrees of longitude",
            "draw what crosses 180 E beyond it (179 to 181) or cut it there; give wide boxes more vertices",
        )  # fmt: skip


def _place_text(point: np.ndarray, lon: float, lat: float) -> str:
    place = f"x {point[0]:,.7g}, y {point[1]:,.7g}"
    return f"{place} is longitude {lon:,.6g}, latitude {lat:,.6g}" if np.isfinite([lon, lat]).all() else place


def _any_of(flags: np.ndarray, owner: np.ndarray, count: int) -> np.ndarray:
    """Which of `count` shapes have a flagged vertex; `owner` is the shape of each vertex."""
    return np.bincount(owner[flags], minlength=count) > 0


def _has_wide_edge(shapes: np.ndarray, ground: Ground) -> np.ndarray:
    """Which shapes (n) have an edge around more than half of the body, but not all of it, off the poles.

    Longitudes of polar maps jump where nothing is wide: there the middle of an edge does not lie in between.
    """
    parts, owner = shapely.get_parts(shapes, return_index=True)
    is_polygon = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    rings, polygon = shapely.get_rings(parts[is_polygon], return_index=True)
    lines = np.concatenate([parts[~is_polygon], rings])
    owner = np.concatenate([owner[~is_polygon], owner[is_polygon][polygon]])
    points, line = shapely.get_coordinates(lines, return_index=True)
    start = np.flatnonzero(line[1:] == line[:-1])
    return _any_of(_is_wide(points[start], points[start + 1], ground), owner[line[start]], len(shapes))


def _is_wide(start: np.ndarray, end: np.ndarray, ground: Ground) -> np.ndarray:
    """Which edges (n) between map points (n, 2) run around more than half of the body, but not all of it."""
    (lon, lat), (end_lon, end_lat) = ground.degrees(*start.T), ground.degrees(*end.T)
    middle_lon, _ = ground.degrees(*((start + end) / 2).T)
    turn = np.abs(end_lon - lon)
    in_between = np.abs(middle_lon - (lon + end_lon) / 2) < 1e-3
    return in_between & (turn > HALF_TURN) & (turn < 360 - 1e-6) & (np.minimum(np.abs(lat), np.abs(end_lat)) < POLE)


def _valid(shapes: np.ndarray, rows: np.ndarray, path: str | Path) -> np.ndarray:
    """Shapes of which polygons that cross themselves, or whose parts overlap, are the same area as valid polygons."""
    invalid = np.flatnonzero(_are(shapes, POLYGONS) & ~shapely.is_valid(shapes))
    if not invalid.size:
        return shapes
    mended = shapes.copy()
    mended[invalid] = shapely.make_valid(shapes[invalid], method="structure", keep_collapsed=False)
    with_area = invalid[shapely.area(mended[invalid]) > 0]
    if with_area.size:
        reason = shapely.is_valid_reason(shapes[with_area[0]])
        log.warning("%s: polygons that cross themselves were mended: %s (%s)", path, rows_text(rows[with_area]), reason)
    return mended


def _is_degenerate(shapes: np.ndarray) -> np.ndarray:
    """Which shapes (n) are polygons without area or lines without length."""
    return np.where(_are(shapes, POLYGONS), shapely.area(shapes), shapely.length(shapes)) <= 0


def _are(shapes: np.ndarray, types: tuple[str, ...]) -> np.ndarray:
    """Which shapes (n) are of any of the types."""
    return np.isin(shapely.get_type_id(shapes), [shapely.GeometryType[name.upper()] for name in types])
