"""Planetary bodies, as the IAU codes of the PROJ database define them."""

from dataclasses import dataclass
from functools import cache, lru_cache

from pyproj import CRS
from pyproj.database import query_crs_info
from pyproj.enums import PJType
from pyproj.exceptions import CRSError

from orbitile.base.errors import OrbitileError
from orbitile.space.grids import ellipsoid_of

RADIUS_TOLERANCE = 0.005
"""Relative difference of radii within which two CRSs mean the same body. Published radii of one
body differ by up to 0.3 % (Mars: equatorial 3396.19 km, mean 3389.50 km); the closest pair of
differently sized large moons differs by more."""

_FLATTENED_OFFSET = 1
"""Offset of the IAU's code of a body's planetographic ellipsoid from that of its sphere."""

_NORTH_POLAR, _SOUTH_POLAR = 30, 35
"""Offsets of the IAU's codes of spherical polar stereographic maps from the code of their body."""

AUTHORITY = "IAU_2015:"
"""The prefix of a code that names its authority."""


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

    @property
    def polar_m(self) -> float:
        """The polar radius of the IAU's ellipsoid of revolution in metres; that of the sphere where there is none."""
        crs = self.planetographic_crs
        return self.radius_m if crs is None else ellipsoid_of(crs).semi_minor_metre

    @property
    def planetographic_crs(self) -> CRS | None:
        """The body's planetographic system, on the IAU's ellipsoid of revolution; None where there is none."""
        return _planetographic_crs(self.code)

    def polar_map_code(self, lat: float) -> int:
        """The IAU's code of the polar stereographic map on the sphere, on the side of a latitude."""
        return self.code + (_NORTH_POLAR if lat > 0 else _SOUTH_POLAR)


@cache
def _planetographic_crs(code: int) -> CRS | None:
    try:
        return CRS.from_authority("IAU_2015", code + _FLATTENED_OFFSET)
    except CRSError:
        return None


@cache
def _codes() -> dict[str, int]:
    """Map lower-case body names to the codes of their spherical systems (NAIF id x 100)."""
    systems = query_crs_info(auth_name="IAU_2015", pj_types=[PJType.GEOGRAPHIC_2D_CRS])
    return {crs.name.split(" (2015)")[0].lower(): int(crs.code) for crs in systems if int(crs.code) % 100 == 0}


def find_body(name: str | int) -> Body:
    """Return the body of an IAU name ("Moon", in any case), a code of its systems or its NAIF id.

    The Moon is also 30100 or IAU_2015:30100, like every code from 30100 to 30199, and 301.
    OrbitileError if there is none.
    """
    return _body(str(name).strip())


@cache
def _body(name: str) -> Body:
    code = _codes().get(name.lower()) or _code_of_number(name.upper())
    if code is None:
        raise OrbitileError(
            f"body: {name!r} is not a body of the IAU 2015 codes; allowed are names such as Moon, Mars, Mercury, "
            f"Europa, codes such as 30100 or IAU_2015:30100, and NAIF ids such as 301 ({len(_codes())} bodies in all, "
            "see `projinfo --list-crs`)"
        )
    crs = CRS.from_authority("IAU_2015", code)
    return Body(crs.name.split(" (2015)")[0], code, ellipsoid_of(crs).semi_major_metre)


def _code_of_number(text: str) -> int | None:
    """The code of a body's spherical system, from that of any of its systems or (not after IAU_2015:) its NAIF id."""
    digits = text.removeprefix(AUTHORITY)
    if not (digits.isascii() and digits.isdigit()):
        return None
    numbers = [int(digits) // 100 * 100] + [int(digits) * 100] * (digits == text)
    return next((code for code in numbers if code in _codes().values()), None)


@lru_cache(maxsize=256)
def lies_on(crs: CRS, expected: Body) -> bool:
    """Tell whether a CRS describes the expected body: by the name, where it has one, and by the radius.

    Polar maps and those of other latitudes may be of the body's radius there: GDAL reads ISIS cubes and HiRISE so.
    """
    named = _named_body(crs)
    if named is not None and named != expected.name.lower():
        return False
    radius = ellipsoid_of(crs).semi_major_metre
    smallest, largest = sorted((expected.polar_m, expected.radius_m))
    return smallest * (1 - RADIUS_TOLERANCE) <= radius <= largest * (1 + RADIUS_TOLERANCE)


def crs_body(crs: CRS) -> Body | None:
    """The body that a CRS names; None where it names none of the IAU's."""
    named = _named_body(crs)
    return find_body(named) if named else None


def _named_body(crs: CRS) -> str | None:
    """Return the lower-case name of the body that a CRS's datum or geographic system names."""
    names = [part.name for part in (crs.datum, crs.geodetic_crs) if part is not None]
    words = f" {' '.join(names)} ".lower().replace("_", " ")
    return max((name for name in _codes() if f" {name} " in words), key=len, default=None)
