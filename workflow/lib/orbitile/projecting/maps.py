"""Which map fits an image, and which window of its common pixel grid."""

import math

import numpy as np
from pyproj import CRS
from pyproj.crs import ProjectedCRS
from pyproj.crs.coordinate_operation import EquidistantCylindricalConversion

from orbitile.errors import OrbitileError
from orbitile.space.bodies import AUTHORITY, Body
from orbitile.space.footprints import middle
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, places, unit_vectors, wrap

PARALLEL_STEP = 5
"""Degrees between standard parallels. Images at most half of that apart share a map with pixels square within 10 %
at 65 degrees of latitude, and far better nearer to the equator."""

NORTH_POLAR, SOUTH_POLAR = 30, 35
"""What the IAU's codes of spherical polar stereographic maps have above their body's own."""

BETWEEN = 16
"""Points put on the great circle between two of an outline."""


def fitting_map(lon: np.ndarray, lat: np.ndarray, where: Body, polar_lat: float = 65.0) -> str:
    """The map (WKT) that fits an outline in degrees (n; NaN for what lies off the body).

    Polar stereographic where the outline's middle lies beyond `polar_lat` or the outline goes around a pole; else
    equirectangular, on the body's sphere, true along the middle's latitude rounded to 5 degrees, with its central
    meridian at 0, or at 180 where the outline crosses the antimeridian. OrbitileError if nothing lies on the body.
    """
    lon, lat = _on_body(lon, lat)
    middle_lon, middle_lat = _middle(lon, lat)
    if abs(middle_lat) > polar_lat or _goes_around_a_pole(lon):
        return _polar(where, middle_lat).to_wkt()
    around = middle_lon + wrap(lon - middle_lon)
    meridian = 180 if around.min() < -180 or around.max() >= 180 else 0
    return _equirectangular(where, PARALLEL_STEP * round(middle_lat / PARALLEL_STEP), meridian).to_wkt()


def grid_around(lon: np.ndarray, lat: np.ndarray, crs_wkt: str, gsd_m: float, radius_m: float) -> Grid:
    """The window of a map's common grid, of pixels of `gsd_m`, around an outline in degrees (n; NaN: off the body).

    Between its points the outline is taken to follow great circles, so that an image's border needs enough of them
    (`footprint(..., per_side=64)`). OrbitileError if the outline cannot be shown on the map.
    """
    lon, lat = _on_body(lon, lat)
    middle_lon, _ = _middle(lon, lat)
    ring, lat = _with_pole(*_between(lon, lat), middle_lon)
    x, y = Ground(crs_wkt, radius_m).xy(ring[None], lat[None], 0.0, 0.0)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise OrbitileError(
            f"map: {CRS.from_wkt(crs_wkt).name!r} cannot show longitudes {ring.min():.2f} to {ring.max():.2f}, "
            f"latitudes {lat.min():.2f} to {lat.max():.2f}; choose another, or none for one that fits each image"
        )
    return Grid.on_lattice(crs_wkt, gsd_m, (x.min(), y.min(), x.max(), y.max()))


def _on_body(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those points of an outline that lie on the body."""
    known = np.isfinite(lon) & np.isfinite(lat)
    if not known.any():
        raise OrbitileError("the image's whole border looks past the body; check its camera, kernels and time")
    return np.asarray(lon)[known], np.asarray(lat)[known]


def _middle(lon: np.ndarray, lat: np.ndarray) -> tuple[float, float]:
    """Longitude and latitude of an outline's middle."""
    middle_lon, middle_lat = places(middle(lon, lat))
    return float(middle_lon), float(middle_lat)


def _goes_around_a_pole(lon: np.ndarray) -> bool:
    """Whether longitudes around an outline make a full turn."""
    return bool(abs(wrap(np.diff(lon, append=lon[:1])).sum()) > 180)


def _between(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """More points of an outline, on the chords between those given (seen from the centre: on great circles)."""
    start = unit_vectors(lon, lat)
    share = np.linspace(0, 1, BETWEEN, endpoint=False)[:, None]
    chords = start[:, None] * (1 - share) + np.roll(start, -1, axis=0)[:, None] * share
    return places(chords.reshape(-1, 3))


def _with_pole(lon: np.ndarray, lat: np.ndarray, middle_lon: float) -> tuple[np.ndarray, np.ndarray]:
    """An outline in longitudes around a middle one; if it goes around a pole, with that, seen from both sides."""
    ring = middle_lon + wrap(lon - middle_lon)
    if not _goes_around_a_pole(lon):
        return ring, lat
    pole = math.copysign(90, lat.mean())
    return np.append(ring, [middle_lon - 180, middle_lon + 180]), np.append(lat, [pole, pole])


def _polar(where: Body, lat: float) -> CRS:
    """The body's polar stereographic map on the side of a latitude."""
    return CRS.from_user_input(f"{AUTHORITY}{where.code + (NORTH_POLAR if lat > 0 else SOUTH_POLAR)}")


def _equirectangular(where: Body, parallel: int, meridian: int) -> CRS:
    """The body's equirectangular map with a standard parallel and a central meridian in whole degrees."""
    conversion = EquidistantCylindricalConversion(
        latitude_first_parallel=parallel, longitude_natural_origin=meridian
    )  # fmt: skip
    name = f"{where.crs.name} / Equirectangular, lat_ts = {parallel}, clon = {meridian}"
    return ProjectedCRS(conversion, name, geodetic_crs=where.crs)
