"""The map projection that fits an image, and the window of its common pixel grid."""

import math

import numpy as np
from pyproj import CRS
from pyproj.crs import ProjectedCRS
from pyproj.crs.coordinate_operation import EquidistantCylindricalConversion

from orbitile.base.errors import OrbitileError
from orbitile.space.bodies import AUTHORITY, Body
from orbitile.space.footprints import outline_centre
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, goes_around_a_pole, lonlat_of_points, unit_vectors, wrap_longitude

PARALLEL_STEP_DEG = 5
"""Degrees between standard parallels. Images at most half of that apart share a map with pixels square within 10 %
at 65 degrees of latitude, and far better nearer to the equator."""

POINTS_BETWEEN = 16
"""Points inserted on the great circle between two points of an outline."""


def choose_crs(lon: np.ndarray, lat: np.ndarray, body: Body, polar_latitude: float = 65.0) -> str:
    """The map (WKT) that fits an outline in degrees (n; NaN for what lies off the body).

    Polar stereographic where the outline's middle lies beyond `polar_lat` or the outline goes around a pole; else
    equirectangular, on the body's sphere, true along the middle's latitude rounded to 5 degrees, with its central
    meridian at 0, or at 180 where the outline crosses the antimeridian. OrbitileError if no point lies on the body.
    """
    lon, lat = _on_body(lon, lat)
    middle_lon, middle_lat = _middle(lon, lat)
    if abs(middle_lat) > polar_latitude or goes_around_a_pole(lon):
        return _polar(body, middle_lat).to_wkt()
    around = middle_lon + wrap_longitude(lon - middle_lon)
    meridian = 180 if around.min() < -180 or around.max() >= 180 else 0
    return _equirectangular(body, PARALLEL_STEP_DEG * round(middle_lat / PARALLEL_STEP_DEG), meridian).to_wkt()


def grid_around(lon: np.ndarray, lat: np.ndarray, crs_wkt: str, gsd_m: float, radius_m: float) -> Grid:
    """The window of a map's common grid, of pixels of `gsd_m`, around an outline in degrees (n; NaN: off the body).

    Between its points the outline is taken to follow great circles, so that an image's border needs enough of them
    (`footprint(..., per_side=64)`). OrbitileError if the outline cannot be shown on the map.
    """
    lon, lat = _on_body(lon, lat)
    middle_lon, _ = _middle(lon, lat)
    ring, lat = _with_pole(*_densify(lon, lat), middle_lon)
    x, y = Ground(crs_wkt, radius_m).xy(ring[None], lat[None], 0.0, 0.0)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise OrbitileError(
            f"map: {CRS.from_wkt(crs_wkt).name!r} cannot show longitudes {ring.min():.2f} to {ring.max():.2f}, "
            f"latitudes {lat.min():.2f} to {lat.max():.2f}; choose another crs, or null for one that fits each image"
        )
    return Grid.on_lattice(crs_wkt, gsd_m, (x.min(), y.min(), x.max(), y.max()))


def _on_body(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those points of an outline that lie on the body."""
    on_body = np.isfinite(lon) & np.isfinite(lat)
    if not on_body.any():
        raise OrbitileError(
            "no pixel of the image's border sees the body; check the camera, the kernels and the time of the image"
        )
    return np.asarray(lon)[on_body], np.asarray(lat)[on_body]


def _middle(lon: np.ndarray, lat: np.ndarray) -> tuple[float, float]:
    """Longitude and latitude of an outline's middle."""
    middle_lon, middle_lat = lonlat_of_points(outline_centre(lon, lat))
    return float(middle_lon), float(middle_lat)


def _densify(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An outline with more points, on the chords between the given ones (seen from the centre: on great circles)."""
    start = unit_vectors(lon, lat)
    share = np.linspace(0, 1, POINTS_BETWEEN, endpoint=False)[:, None]
    chords = start[:, None] * (1 - share) + np.roll(start, -1, axis=0)[:, None] * share
    return lonlat_of_points(chords.reshape(-1, 3))


def _with_pole(lon: np.ndarray, lat: np.ndarray, middle_lon: float) -> tuple[np.ndarray, np.ndarray]:
    """An outline in longitudes around a middle one; if it goes around a pole, with the pole at both its ends."""
    ring = middle_lon + wrap_longitude(lon - middle_lon)
    if not goes_around_a_pole(lon):
        return ring, lat
    pole = math.copysign(90, lat.mean())
    return np.append(ring, [middle_lon - 180, middle_lon + 180]), np.append(lat, [pole, pole])


def _polar(body: Body, lat: float) -> CRS:
    """The body's polar stereographic map on the side of a latitude."""
    return CRS.from_user_input(f"{AUTHORITY}{body.polar_map_code(lat)}")


def _equirectangular(body: Body, parallel: int, meridian: int) -> CRS:
    """The body's equirectangular map with a standard parallel and a central meridian in whole degrees."""
    conversion = EquidistantCylindricalConversion(
        latitude_first_parallel=parallel, longitude_natural_origin=meridian
    )  # fmt: skip
    name = f"{body.crs.name} / Equirectangular, lat_ts = {parallel}, clon = {meridian}"
    return ProjectedCRS(conversion, name, geodetic_crs=body.crs)
