"""Areas with craters in them, of known size: for files of other programs, and for ages."""

import numpy as np
import shapely

from orbitile.counting.area_count import AreaCount

MOON_KM = 1737.4
OVER_180 = shapely.union(shapely.box(170, 0, 180, 10), shapely.box(-180, 0, -170, 10))
OFF_POLE = shapely.union(shapely.box(-180, 82, -30, 90), shapely.box(-30, 81, 180, 90))
SHAPES = {
    "equator": shapely.box(10, -1, 13, 1),
    "lat 60": shapely.box(10, 59, 16, 61),
    "lat 85": shapely.box(10, 84, 40, 86),
    "over 180": OVER_180,
    "north pole": shapely.box(-180, 80, 180, 90),
    "south pole": shapely.box(-180, -90, 180, -70),
    "off the pole": OFF_POLE,
    "to the pole": shapely.box(0, 85, 20, 90),
    "around the pole": shapely.box(-180, 70, 180, 80),
    "hole": shapely.difference(shapely.box(10, 10, 20, 20), shapely.box(14, 14, 16, 16)),
    "two parts": shapely.union(shapely.box(0, 0, 2, 2), shapely.box(10, 5, 12, 8)),
    "belt": shapely.box(-180, -60, 180, 60),
    "half": shapely.box(-90, -90, 90, 90),
    "body": shapely.box(-180, -90, 180, 90),
}
"""Areas of straight edges along meridians and parallels, in degrees, cut at 180."""


def exact_km2(shape, radius_km=MOON_KM):
    """The area on the sphere between meridians and parallels: straight edges stay so on the cylindrical plane."""
    plane = shapely.transform(shape, lambda p: np.column_stack([np.radians(p[:, 0]), np.sin(np.radians(p[:, 1]))]))
    return float(plane.area * radius_km**2)


def area_count(lon, lat, diameter_km, shape=SHAPES["equator"], name="area", **columns):
    """A count of craters on all of the searched ground, each true, unless columns say otherwise."""
    searched = columns.pop("searched_km2", exact_km2(shape))
    ones = np.ones(len(lon))
    columns = dict(weight=ones, area_km2=ones * searched, probability=ones) | columns
    arrays = {key: np.asarray(values, float) for key, values in columns.items()}
    return AreaCount(
        name, shape, searched, np.asarray(lon, float), np.asarray(lat, float), np.asarray(diameter_km, float), **arrays
    )


def scattered_count(name, number=60, least_km=0.01, seed=1):
    """Craters of 10 m (or `least_km`) to 30 km somewhere in one of SHAPES, the first at a pole or at 180 degrees."""
    shape, rng = SHAPES[name], np.random.default_rng(seed)
    west, south, east, north = shape.bounds
    lon, lat = rng.uniform(west, east, 40 * number), rng.uniform(south, north, 40 * number)
    inside = np.flatnonzero(shapely.contains_xy(shape, lon, lat))[:number]
    lon, lat = lon[inside], lat[inside]
    diameter = np.exp(rng.uniform(np.log(least_km), np.log(30), len(lon)))
    if "pole" in name and name not in ("around the pole", "to the pole"):
        lat[0], diameter[0] = np.copysign(89.99, lat[0]), 20
    if name == "over 180":
        lon[0], diameter[0] = 179.9, 25
    return area_count(lon, lat, diameter, shape, name)
