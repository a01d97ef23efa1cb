"""Make thin lines to be found, and spots that an instrument could have measured on them: both of craters' rims.

    .venv/bin/python recipes/veins_two_branches/spots.py RIMS.gpkg SPOTS.gpkg --body Moon \
        --area CRATERS.csv WEST EAST SOUTH NORTH [--area ...] [--spacing-km 8] [--min-diameter-km 5] [--seed 0]

Rims are rings 1 km wide. Spots are made, not measured: they are drawn from the rims with the errors that Lomashvili et
al. (2026, doi 10.1038/s41598-026-47207-0) report of LIBS spots on veins. 56 % of those with a high amount of calcium
oxide lie on a rim, and 97 % of those with a low one do not; which makes 24 % high ones, for 87 % of all agree.
SPOTS.gpkg has the columns calcium (wt%) and class_name.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import geopandas
import numpy as np
import pandas as pd
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.base.files import atomic
from orbitile.features.shapes.on_body import ring_polygons
from orbitile.space.bodies import Body, find_body
from orbitile.space.ground import angles_between, ground_ellipses, unit_vectors
from orbitile.tables.craters import Craters, read_craters

HIGH_ON, LOW_OFF, AGREEING = 0.56, 0.97, 0.87
"""Share of high spots on a rim, of low spots off it, and of all that agree with the rims."""
HIGH = (LOW_OFF - AGREEING) / (LOW_OFF - HIGH_ON)
"""Share of the spots that are high: AGREEING is HIGH of HIGH_ON and 1 - HIGH of LOW_OFF."""
HIGH_WT, LOW_WT = 20.0, 5.0
RIM_M = 1000.0
VERTICES = 64


class Area(NamedTuple):
    """A table of craters, and the box in degrees in which spots are drawn."""

    path: str
    west: float
    east: float
    south: float
    north: float


def rims(craters: Craters, radius_m: float) -> np.ndarray:
    """The rings (n) around craters in which their rims are drawn."""
    outer, inner = (
        ring_polygons(*ground_ellipses(craters.lon, craters.lat, width, width, radius_m, VERTICES))
        for width in (craters.diameter_m + RIM_M, craters.diameter_m - RIM_M)
    )
    return shapely.difference(outer, inner)


def is_on_rim(lon: np.ndarray, lat: np.ndarray, craters: Craters, radius_m: float) -> np.ndarray:
    """Whether places (n) lie in the ring of a crater."""
    centres = unit_vectors(craters.lon, craters.lat)
    return np.array([
        (np.abs(radius_m * angles_between(place, centres) - craters.diameter_m / 2) <= RIM_M / 2).any()
        for place in unit_vectors(lon, lat)
    ], bool)  # fmt: skip


def draw_spots(
    area: Area, craters: Craters, spacing_m: float, radius_m: float, rng: np.random.Generator
) -> geopandas.GeoDataFrame:
    """Spots in an area, as many as there are squares of a side of `spacing_m`; OrbitileError where too few fit."""
    sines = np.sin(np.radians([area.south, area.north]))
    count = round(radius_m**2 * np.radians(area.east - area.west) * np.ptp(sines) / spacing_m**2)
    lon = rng.uniform(area.west, area.east, 20 * count)
    lat = np.degrees(np.arcsin(rng.uniform(*sines, 20 * count)))
    is_on = is_on_rim(lon, lat, craters, radius_m)
    is_high = rng.random(count) < HIGH
    wanted_on = np.where(is_high, rng.random(count) < HIGH_ON, rng.random(count) >= LOW_OFF)
    chosen = np.empty(count, np.int64)
    for value in (True, False):
        places, wanted = np.flatnonzero(is_on == value), wanted_on == value
        if len(places) < wanted.sum():
            raise OrbitileError(f"{area.path}: too few rims in the area for {count} spots; make --spacing-km larger")
        chosen[wanted] = places[: wanted.sum()]
    columns = dict(calcium=np.where(is_high, HIGH_WT, LOW_WT), class_name=np.where(is_high, "rim", "background"))
    return geopandas.GeoDataFrame(columns, geometry=shapely.points(lon[chosen], lat[chosen]))


def make(areas: list[Area], body: Body, least_m: float, spacing_m: float, seed: int) -> list[geopandas.GeoDataFrame]:
    """The rims of all tables, and the spots of all areas."""
    tables = [read_craters(path) for path in dict.fromkeys(area.path for area in areas)]
    columns = (np.concatenate([getattr(table, name) for table in tables]) for name in ("lon", "lat", "diameter_m"))
    craters = Craters(*columns)
    craters = craters.select(craters.diameter_m >= least_m)
    if not len(craters):
        raise OrbitileError(f"{areas[0].path}: no crater of {least_m / 1000:g} km and more")
    rng = np.random.default_rng(seed)
    spots = pd.concat([draw_spots(area, craters, spacing_m, body.radius_m, rng) for area in areas], ignore_index=True)
    rings = rims(craters, body.radius_m)
    lines = geopandas.GeoDataFrame(dict(class_name=np.full(len(rings), "rim")), geometry=rings)
    return [lines.set_crs(body.crs), spots.set_crs(body.crs)]


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rims", type=Path, help="the GeoPackage of rims to write")
    parser.add_argument("spots", type=Path, help="the GeoPackage of spots to write")
    parser.add_argument("--body", required=True, help="Moon, Mars ...")
    parser.add_argument("--area", nargs=5, action="append", required=True,
                        metavar=("CRATERS", "WEST", "EAST", "SOUTH", "NORTH"))  # fmt: skip
    parser.add_argument("--spacing-km", type=float, default=8.0, help="of spots: one in a square of this side (8)")
    parser.add_argument("--min-diameter-km", type=float, default=5.0, help="smaller craters are left out (5)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    areas = [Area(words[0], *map(float, words[1:])) for words in arguments.area]
    layers = make(areas, find_body(arguments.body), 1000 * arguments.min_diameter_km, 1000 * arguments.spacing_km,
                  arguments.seed)  # fmt: skip
    for path, layer in zip((arguments.rims, arguments.spots), layers, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            layer.to_file(temporary, driver="GPKG", layer="labels")


if __name__ == "__main__":
    try:
        main()
    except OrbitileError as error:
        sys.exit(str(error))
