"""How far maps stretch the ground one way more than the other, which makes round craters oblong."""

from functools import lru_cache

import numpy as np
from pyproj import Proj
from pyproj.exceptions import CRSError

from orbitile.space.grids import crs_from_wkt


def map_stretch(crs_wkt: str, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """The longer axis of Tissot's ellipse in units of the shorter one, at places in degrees (n).

    NaN off the map, and of systems that are no map of a body. It is 1 where circles stay circles, and 1 / cos(latitude)
    on an equirectangular map true at the equator (Snyder 1987, Map Projections, chapter 4). Geographic systems count as
    such a map.
    """
    if crs_from_wkt(crs_wkt).is_geographic:
        return 1 / np.maximum(np.cos(np.radians(lat)), np.finfo(float).eps)
    try:
        factors = _projection(crs_wkt).get_factors(np.asarray(lon), np.asarray(lat))
    except CRSError:
        return np.full(len(lon), np.nan)
    with np.errstate(all="ignore"):
        return np.divide(factors.tissot_semimajor, factors.tissot_semiminor)


@lru_cache(maxsize=256)
def _projection(crs_wkt: str) -> Proj:
    """Of a map; cached, because thousands of scenes share one."""
    return Proj(crs_from_wkt(crs_wkt))
