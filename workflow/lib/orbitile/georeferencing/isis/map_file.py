"""The map that ISIS's cam2map projects to, as a PVL template made of a CRS."""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pvl
from pvl.collections import PVLGroup, PVLModule, Quantity
from pvl.encoder import ISISEncoder
from pyproj import CRS
from pyproj._crs import Ellipsoid, Param

from orbitile.base.errors import OrbitileError
from orbitile.space.bodies import crs_body
from orbitile.space.grids import crs_from_wkt


class Projection(NamedTuple):
    """ISIS's name of a projection, and its keywords by the EPSG codes of the parameters they hold."""

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
    SetUniversalGround): like all maps of the library, this one keeps the angle and not the distance from the equator.
    OrbitileError for a map that ISIS cannot project to this way.
    """
    crs = crs_from_wkt(crs_wkt)
    fault = next(_faults(crs), None)
    if fault:
        raise OrbitileError(f"crs: ISIS cannot project to {crs.name}: {fault}")
    radius = Quantity(_ellipsoid(crs).semi_major_metre, "meters")
    body = crs_body(crs)
    centre = _centre(crs)
    keywords = dict(
        ProjectionName=_projection(crs).name,
        # With a name, cam2map refuses images of another body.
        **(dict(TargetName=body.name) if body else {}),
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
            f"crs: ISIS cannot project to {crs.name} ({method}); maps it can project to are equidistant cylindrical, "
            "polar stereographic and sinusoidal"
        )
    return PROJECTIONS[method.lower()]


def _faults(crs: CRS) -> Iterator[str]:
    """What ISIS's templates cannot express of a CRS."""
    keywords = _projection(crs).keywords
    if _ellipsoid(crs).semi_minor_metre != _ellipsoid(crs).semi_major_metre:
        yield "its body is not a sphere; take the same map on the body's sphere"
    if any(axis.unit_conversion_factor != 1 for axis in crs.axis_info):
        yield "its unit is not the metre"
    if any(axis.direction == "west" or axis.abbrev in ("W", "S") for axis in crs.axis_info):
        yield "its axes do not point to east and north"
    for parameter in _parameters(crs):
        neutral = 1 if parameter.code == _SCALE else 0
        value = float(parameter.value)
        if parameter.code not in keywords and value != neutral:
            yield f"its {parameter.name.lower()} is {value:g}, which must be {neutral}"


def _ellipsoid(crs: CRS) -> Ellipsoid:
    if crs.ellipsoid is None:
        raise OrbitileError(f"crs: {crs.name} has no ellipsoid; take a map of a body")
    return crs.ellipsoid


def _parameters(crs: CRS) -> list[Param]:
    return list(crs.coordinate_operation.params) if crs.coordinate_operation else []


def _centre(crs: CRS) -> dict[str, float]:
    """The values of CenterLongitude and, where the projection has it, CenterLatitude, in degrees."""
    keywords = _projection(crs).keywords
    values = {keywords[param.code]: _degrees(param) for param in _parameters(crs) if param.code in keywords}
    return {name: values.get(name, 0.0) for name in keywords.values()}


def _degrees(parameter: Param) -> float:
    """An angle, whatever its unit; rounded, because a conversion to radians and back is not exact."""
    return round(math.degrees(float(parameter.value) * parameter.unit_conversion_factor), 12)


def _domain(centre: dict[str, float]) -> dict[str, float | int]:
    """The centre with the range of longitudes around it: ISIS counts x from the centre, without wrapping."""
    longitude = (centre[_LONGITUDE] + 180) % 360 - 180
    domain = 180 if abs(longitude) <= 90 else 360
    return centre | {_LONGITUDE: longitude % 360 if domain == 360 else longitude, "LongitudeDomain": domain}
