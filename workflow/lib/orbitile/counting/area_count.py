"""The craters counted in an area: what frequencies, ages and files for other programs are made of."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import shapely

COLUMNS = ("lon", "lat", "diameter_km", "weight", "area_km2", "probability")


@dataclass(frozen=True, eq=False)
class AreaCount:
    """Craters counted in a named area.

    `shape` is the searched ground within the area, in degrees of planetocentric longitude and latitude, with parts
    that are cut at 180 degrees; `searched_km2` its size. Of each crater (n): `lon` and `lat` of the centre,
    `diameter_km`, `weight` (the share of it that counts: 1 where craters count by their centres), `area_km2` (the
    ground on which a crater of its diameter would have been counted: smaller than `searched_km2` where scales are too
    coarse for it, larger where the area is buffered), `probability` of being a true crater (1 where no calibration
    tells it).
    """

    name: str
    shape: shapely.Geometry
    searched_km2: float
    lon: np.ndarray
    lat: np.ndarray
    diameter_km: np.ndarray
    weight: np.ndarray
    area_km2: np.ndarray
    probability: np.ndarray

    def __len__(self) -> int:
        return len(self.diameter_km)

    def taking(self, rows: np.ndarray) -> Self:
        """The count of some rows: a mask (n; bool), or numbers, each as often as it stands there."""
        columns = {name: getattr(self, name)[rows] for name in COLUMNS}
        return type(self)(self.name, self.shape, self.searched_km2, **columns)

    @cached_property
    def largest_first(self) -> np.ndarray:
        """The numbers of the rows from the largest crater to the smallest; equal ones by latitude and longitude."""
        return np.lexsort((self.lon, self.lat, -self.diameter_km))
