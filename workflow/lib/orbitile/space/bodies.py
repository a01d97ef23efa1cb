"""Planetary bodies, as the IAU codes of the PROJ database define them."""

from dataclasses import dataclass
from functools import cache, lru_cache

from pyproj import CRS
from pyproj.database import query_crs_info
from pyproj.enums import PJType

from orbitile.errors import OrbitileError

RADIUS_TOLERANCE = 0.005
"""Relative difference of radii within which two CRSs mean the same body. Published radii of one
body differ by up to 0.3 % (Mars: equatorial 3396.19 km, mean 3389.50 km); the closest pair of
differently sized large moons differs by more."""


@dataclass(frozen=True)
class Body:
    """A body as a sphere: its name, IAU code and radius in metres."""

    name: str
    code: int
    radius_m: float

    @property
    def crs(self) -> CRS:
        """The body's spherical, planetocentric longitude-latitude system."""
        return CRS.from_authority("IAU_2015", self.code)


@cache
def _codes() -> dict[str, int]:
    """Map lower-case body names to the codes of their spherical systems (NAIF id x 100)."""
    known = query_crs_info(auth_name="IAU_2015", pj_types=[PJType.GEOGRAPHIC_2D_CRS])
    return {c.name.split(" (2015)")[0].lower(): int(c.code) for c in known if int(c.code) % 100 == 0}


@cache
def body(name: str) -> Body:
    """Return the body of an IAU name ("Moon"), in any case; OrbitileError if there is none."""
    code = _codes().get(name.strip().lower())
    if code is None:
        raise OrbitileError(
            f"body: {name!r} is not a body of the IAU 2015 codes; allowed are names such as "
            f"Moon, Mars, Mercury, Europa ({len(_codes())} in all, see `projinfo --list-crs`)"
        )
    crs = CRS.from_authority("IAU_2015", code)
    return Body(crs.name.split(" (2015)")[0], code, crs.ellipsoid.semi_major_metre)


@lru_cache(maxsize=256)
def lies_on(crs: CRS, expected: Body) -> bool:
    """Tell whether a CRS describes the expected body, by its name where it has one, and radius."""
    named = _named_body(crs)
    if named is not None and named != expected.name.lower():
        return False
    radius = crs.ellipsoid.semi_major_metre
    return abs(radius / expected.radius_m - 1) <= RADIUS_TOLERANCE


def _named_body(crs: CRS) -> str | None:
    """Return the lower-case name of the body that a CRS's datum or geographic system names."""
    words = f" {crs.datum.name} {crs.geodetic_crs.name} ".lower().replace("_", " ")
    return max((name for name in _codes() if f" {name} " in words), key=len, default=None)
