"""The sphere on which an area has its true size, for programs that know of spheres only: its radius and its maps."""

from dataclasses import dataclass
from typing import Self

from pyproj import CRS

from orbitile.counting.area_count import AreaCount
from orbitile.counting.area_rings import NORTH, AreaRings
from orbitile.space.bodies import Body

SAME_AREA = 5e-4
"""Relative difference up to which an area on the body's sphere has its true size."""
FLATTEST = 0.02
"""The largest difference that a body's flattening makes; what differs by more has another outline than it counts."""


@dataclass(frozen=True)
class CountingSphere:
    """A sphere of a body by its radius in metres, and the share by which an area on it misses its true size."""

    body: Body
    radius_m: float
    area_error: float

    @classmethod
    def of(cls, count: AreaCount, rings: AreaRings, body: Body) -> Self:
        """The body's sphere, or where an area's size was measured on an ellipsoid, one of the local radius."""
        ratio = count.searched_km2 / (rings.solid_angle * (body.radius_m / 1000) ** 2)
        if SAME_AREA < abs(ratio - 1) < FLATTEST:
            return cls(body, round(body.radius_m * ratio**0.5, 1), 0.0)
        return cls(body, body.radius_m, 1 / ratio - 1)

    @property
    def crs(self) -> CRS:
        """Its planetocentric longitudes and latitudes: the IAU's system, where the radius is the IAU's."""
        return self.body.crs if self.radius_m == self.body.radius_m else CRS.from_wkt(self._geographic_wkt())

    def polar_crs(self, pole: int) -> CRS:
        """A polar stereographic map around a pole (1: north, -1: south)."""
        name = "North" if pole == NORTH else "South"
        return CRS.from_wkt(
            f'PROJCS["{self.body.name} {name} Polar Stereographic",{self.crs.to_wkt("WKT1_GDAL")},'
            'PROJECTION["Polar_Stereographic"],'
            f'PARAMETER["latitude_of_origin",{90 * pole}],PARAMETER["central_meridian",0],'
            'PARAMETER["false_easting",0],PARAMETER["false_northing",0],UNIT["metre",1],'
            f'AXIS["Easting",{name.upper()}],AXIS["Northing",{name.upper()}]]'
        )

    def _geographic_wkt(self) -> str:
        name, radius = f"{self.body.name} local sphere", f"{self.radius_m:.1f}"
        return (
            f'GEOGCS["{name}",DATUM["{self.body.name}",SPHEROID["{name}",{radius},0]],'
            'PRIMEM["Reference_Meridian",0],UNIT["degree",0.0174532925199433]]'
        )
