"""The map that ISIS's cam2map projects to, as a PVL template made of a CRS."""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pvl
from pvl.collections import PVLGroup, PVLModule, Quantity
from pvl.encoder import ISISEncoder
from pyproj import CRS
from pyproj._crs import Param

from orbitile.errors import OrbitileError
from orbitile.space.bodies import body_of
from orbitile.space.grids import crs_of


class Projection(NamedTuple):
    """What ISIS calls a projection, and its keywords by the EPSG codes of the parameters they hold."""

    name: str
    keywords: Mapping[str, str]


_LATITUDE, _LONGITUDE = "CenterLatitude", "CenterLongitude"
_EQUIRECTANGULAR = Projection("Equirectangular", {"8823": _LATITUDE, "8802": _LONGITUDE})
PROJECTIONS = {
    "equidistant cylindrical": _EQUIRECTANGULAR,
    "equidistant cylindrical (spherical)": _EQUIRECTANGULAR,
    "polar stereographic (variant a)": Projection("PolarStereographic", {"8801": _LATITUDE, "8802": _LONGITUDE}),
    "polar stereographic (variant b)": Projection("PolarStereographic", {"8832": _LATITUDE, "8833": _LONGITUDE}),
    "sinusoidal": Projection("Sinusoidal", {"8802": _LONGITUDE}),
}
"""By PROJ's names of the methods. ISIS's CenterLatitude is the latitude of true scale in each of them."""
_SCALE = "8805"


def map_text(crs_wkt: str, gsd_m: float) -> str:
    """The template for a map (WKT) and a pixel size in metres, as PVL.

    The map must be on a sphere, whose radius becomes both of ISIS's. Its cameras find planetocentric latitudes on
    the body's own ellipsoid, and a map of planetocentric latitudes takes them as they are (TProjection's
    SetUniversalGround): like our own maps, this one keeps the angle and not the distance from the equator.
    OrbitileError for a map that ISIS cannot project to this way.
    """
    crs = crs_of(crs_wkt)
    _check(crs)
    radius = Quantity(crs.ellipsoid.semi_major_metre, "meters")
    named = body_of(crs)
    centre = _centre(crs)
    keywords = dict(
        ProjectionName=_projection(crs).name,
        # With a name, cam2map refuses images of another body.
        **(dict(TargetName=named.name) if named else {}),
        EquatorialRadius=radius,
        PolarRadius=radius,
        LatitudeType="Planetocentric",
        LongitudeDirection="PositiveEast",
        **_domain(centre),
        PixelResolution=Quantity(float(gsd_m), "meters/pixel"),
    )
    return pvl.dumps(PVLModule(Mapping=PVLGroup(keywords)), encoder=ISISEncoder())


def _projection(crs: CRS) -> Projection:
    operation = crs.coordinate_operation
    method = operation.method_name if operation else "longitude and latitude"
    if method.lower() not in PROJECTIONS:
        raise OrbitileError(
            f"crs: ISIS cannot project to {crs.name} ({method}) here; it can to equidistant cylindrical, polar "
            "stereographic and sinusoidal maps"
        )
    return PROJECTIONS[method.lower()]


def _check(crs: CRS) -> None:
    """OrbitileError for what ISIS's templates cannot say."""
    fault = next(_faults(crs), None)
    if fault:
        raise OrbitileError(f"crs: ISIS cannot project to {crs.name}: {fault}")


def _faults(crs: CRS) -> Iterator[str]:
    known = _projection(crs).keywords
    if crs.ellipsoid.semi_minor_metre != crs.ellipsoid.semi_major_metre:
        yield "its body is no sphere; take the map of the same kind on the body's sphere"
    if any(axis.unit_conversion_factor != 1 for axis in crs.axis_info):
        yield "its unit is not the metre"
    if any(axis.direction == "west" or axis.abbrev in ("W", "S") for axis in crs.axis_info):
        yield "its axes do not point to east and north"
    for parameter in crs.coordinate_operation.params:
        neutral = 1 if parameter.code == _SCALE else 0
        if parameter.code not in known and parameter.value != neutral:
            yield f"its {parameter.name.lower()} is {parameter.value:g}, which must be {neutral}"


def _centre(crs: CRS) -> dict[str, float]:
    """The values of CenterLongitude and, where the projection has it, CenterLatitude, in degrees."""
    known = _projection(crs).keywords
    values = {known[one.code]: _degrees(one) for one in crs.coordinate_operation.params if one.code in known}
    return {name: values.get(name, 0.0) for name in known.values()}


def _degrees(parameter: Param) -> float:
    """An angle, whatever its unit; rounded, because a conversion to radians and back is not exact."""
    return round(math.degrees(parameter.value * parameter.unit_conversion_factor), 12)


def _domain(centre: dict[str, float]) -> dict[str, float | int]:
    """The centre with the range of longitudes that lies around it: ISIS counts x from the centre, without wrapping."""
    longitude = (centre[_LONGITUDE] + 180) % 360 - 180
    domain = 180 if abs(longitude) <= 90 else 360
    return centre | {_LONGITUDE: longitude % 360 if domain == 360 else longitude, "LongitudeDomain": domain}
