"""Grids on other maps: which part of a map an image covers, and maps on which PROJ reaches all of an image.

PROJ wraps longitudes to half a turn on either side of a map's central meridian, but images may lie beyond: maps that
count from 0 to 360, scenes across the antimeridian.
"""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from affine import Affine
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.space.footprints import image_border
from orbitile.space.grids import Grid, crs_from_wkt
from orbitile.space.ground import Ground, wrap_longitude, wrap_width

BORDER_POINTS = 512
"""Points along each side of an image, between which its border bulges by 1e-6 of what the complete side does."""
LATTICE = 33
"""Points along each side inside an image: on a map of another aspect the border of a global one is a line."""
TURN = np.linspace(-180, 180, 721)
"""Longitudes (degrees) of a full turn, from a map's central meridian."""
SAME_PLACE_DEG = 1e-6

Points = tuple[np.ndarray, np.ndarray]
"""Two coordinates (n each)."""


def covered_bounds(grid: Grid, wkt: str) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of what a grid covers of a map, in the map's units.

    The map goes on beyond its antimeridian where GDAL reads such places. Elsewhere, and around a pole, it is the map's
    full turn. OrbitileError where the map shows nothing of the grid.
    """
    x, y = _corners(grid) if crs_from_wkt(wkt) == grid.crs else _on_map(grid, wkt)
    is_shown = np.isfinite(x) & np.isfinite(y)
    if not is_shown.any():
        raise OrbitileError(f"map: {crs_from_wkt(wkt).name!r} shows nothing of the image; choose another crs")
    x, y = x[is_shown], y[is_shown]
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def recentred(grid: Grid) -> Grid:
    """A grid on a map with a central meridian in its middle, if it lies beyond half a turn from its map's; or itself.

    Pixels and their places stay, so that it is done for cylindrical maps alone (see `is_beyond_half_a_turn`).
    """
    width = wrap_width(grid.crs_wkt)
    x, centre = _corners(grid)[0], _central_place(grid.crs_wkt)[0]
    if not width or np.abs(x - centre).max() <= width / 2 + abs(grid.transform.a) + abs(grid.transform.b):
        return grid
    middle = float(x.min() + x.max()) / 2
    (first, second), _ = Ground(grid.crs_wkt, 1.0).degrees(np.array([centre, middle]), np.zeros(2))
    a, b, c, d, e, f = grid.transform[:6]
    wkt = _with_meridian(grid.crs, float(second - first)).to_wkt()
    return replace(grid, crs_wkt=wkt, transform=Affine(a, b, c + centre - middle, d, e, f))


def _corners(grid: Grid) -> Points:
    """Map coordinates (4) of a grid's corners."""
    width, height = float(grid.width), float(grid.height)
    return grid.to_map(np.array([0.0, width, width, 0.0]), np.array([0.0, 0.0, height, height]))


def _on_map(grid: Grid, wkt: str) -> Points:
    """Coordinates on another map of places along a grid's border and inside it, or of the full turn that it takes."""
    lon, lat = _places(grid)
    pole = _pole_inside(grid)
    if pole is None and np.ptp(lon) < 360 * (1 - 1 / max(grid.width, grid.height)):
        x, y = _ring_on_map(wkt, lon, lat)
        if _is_reached(wkt, lon, x, y):
            return x, y
    lats = np.append(np.linspace(lat.min(), lat.max(), LATTICE), [] if pole is None else pole)
    central_lon, _ = Ground(wkt, 1.0).degrees(*map(np.array, _central_place(wkt)))
    around, along = np.meshgrid(np.append(0, TURN) + central_lon, lats)
    return _ring_on_map(wkt, around.ravel(), along.ravel())


def _places(grid: Grid) -> Points:
    """Longitudes, not wrapped, and latitudes (n, degrees) inside a grid and along its border, its middle first."""
    lattice = np.meshgrid(np.linspace(0, grid.width, LATTICE), np.linspace(0, grid.height, LATTICE))
    border = image_border(grid.width, grid.height, BORDER_POINTS)
    pixels = [np.concatenate([[side / 2], inside.ravel(), edge])
              for side, inside, edge in zip((grid.width, grid.height), lattice, border, strict=True)]  # fmt: skip
    ground, (x, y) = Ground(grid.crs_wkt, 1.0), grid.to_map(*pixels)
    lon, lat = ground.lonlat(x, y)
    on_body = np.isfinite(lon) & np.isfinite(lat)
    if not on_body.any():
        raise OrbitileError("map: no pixel of the image lies on the body; check its georeferencing")
    if wrap_width(grid.crs_wkt):
        lon = ground.degrees(x, y)[0]
    lon, lat = lon[on_body], lat[on_body].clip(-90, 90)
    return (lon if wrap_width(grid.crs_wkt) else lon[0] + wrap_longitude(lon - lon[0])), lat


def _ring_on_map(wkt: str, lon: np.ndarray, lat: np.ndarray) -> Points:
    """Coordinates (n) of places (n, degrees), unwrapped as a whole so that the first is near the central meridian."""
    (x,), (y,) = Ground(wkt, 1.0).xy(lon[None], lat[None], *_central_place(wkt))
    return x, y


def _pole_inside(grid: Grid) -> float | None:
    """The latitude (degrees) of the pole that lies inside a grid; None if none does, or where poles are lines."""
    if wrap_width(grid.crs_wkt):
        return None
    for lat in (90.0, -90.0):
        x, y = Ground(grid.crs_wkt, 1.0).xy(np.zeros(1), np.array([lat]), *grid.middle)
        if np.isfinite([x, y]).all():
            col, row = grid.to_pixel(float(x[0]), float(y[0]))
            if 0 <= col <= grid.width and 0 <= row <= grid.height:
                return lat
    return None


def _is_reached(wkt: str, lon: np.ndarray, x: np.ndarray, y: np.ndarray) -> bool:
    """Whether GDAL takes places (n) on a map for those with these longitudes (n, degrees)."""
    is_shown = np.isfinite(x) & np.isfinite(y)
    back, _ = Ground(wkt, 1.0, over=False).degrees(x[is_shown], y[is_shown])
    return bool((np.abs(wrap_longitude(back - lon[is_shown])) < SAME_PLACE_DEG).all())


def is_beyond_half_a_turn(grid: Grid, shape: tuple[int, int]) -> np.ndarray:
    """Which parts (bool, of a shape: rows, columns) of a grid GDAL does not reach from other maps, by their middles."""
    rows, columns = (np.arange(count) + 0.5 for count in shape)
    col, row = np.meshgrid(columns * grid.width / shape[1], rows * grid.height / shape[0])
    x, y = grid.to_map(col, row)
    lon, lat = Ground(grid.crs_wkt, 1.0).degrees(x, y)
    again, _ = Ground(grid.crs_wkt, 1.0, over=False).from_degrees(lon, lat)
    return np.asarray(np.isfinite(lon) & (np.abs(again - x) > abs(grid.transform.a) + abs(grid.transform.b)))


@lru_cache(maxsize=256)
def _central_place(wkt: str) -> tuple[float, float]:
    """Coordinates of a place on a map's central meridian; of the map's origin where that is not shown."""
    operation = crs_from_wkt(wkt).coordinate_operation
    meridians = [
        math.degrees(float(parameter.value) * parameter.unit_conversion_factor)
        for parameter in (operation.params if operation else ())
        if parameter.name.startswith("Longitude of")
    ]
    x, y = Ground(wkt, 1.0, over=False).from_degrees(np.array(meridians[0] if meridians else 0.0), np.zeros(()))
    return (float(x), float(y)) if np.isfinite([x, y]).all() else (0.0, 0.0)


def _with_meridian(crs: CRS, longitude: float) -> CRS:
    """A system that counts longitudes from another meridian (degrees east)."""
    if crs.source_crs is not None and crs.is_bound:
        crs = crs.source_crs
    definition = (crs.sub_crs_list[0] if crs.is_compound else crs).to_json_dict()
    base = definition.get("base_crs", definition)
    datum = base["datum"] if "datum" in base else base["datum_ensemble"]
    for part in (definition, base, datum):
        part.pop("id", None)
    datum["prime_meridian"] = dict(name="middle of the image", longitude=longitude)
    return CRS.from_json_dict(definition)
