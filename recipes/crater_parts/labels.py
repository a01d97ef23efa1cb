"""Draw rims and floors of craters as classes that exclude each other.

    .venv/bin/python recipes/crater_parts/labels.py CRATERS.csv LABELS.gpkg --body Moon [--min-diameter-km 5]

A floor reaches to 0.8 of the crater's radius, a rim from there to 1.15 of it. Where craters overlap, the smaller one,
which is younger as a rule, is drawn over the larger.
"""

import argparse
import sys
from pathlib import Path

import geopandas
import numpy as np
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.base.files import atomic
from orbitile.features.shapes.on_body import ring_polygons
from orbitile.space.bodies import find_body
from orbitile.space.ground import ground_ellipses
from orbitile.tables.craters import Craters, read_craters

FLOOR, RIM = 0.8, 1.15
"""To which shares of a crater's radius its floor and its rim reach."""
VERTICES = 64


def crater_parts(craters: Craters, radius_m: float) -> geopandas.GeoDataFrame:
    """The visible floors and rims of craters on a sphere, largest craters first: class_name, geometry in degrees."""
    craters = craters.select(np.argsort(-craters.diameter_m, kind="stable"))
    floors, outlines = (_discs(craters, share, radius_m) for share in (FLOOR, RIM))
    tree = shapely.STRtree(outlines)
    visible = []
    for number, (floor, outline) in enumerate(zip(floors, outlines, strict=True)):
        smaller = np.sort(tree.query(outline, predicate="intersects"))
        over = shapely.union_all(outlines[smaller[smaller > number]])
        rim = shapely.difference(outline, floor)
        visible += [("floor", shapely.difference(floor, over)), ("rim", shapely.difference(rim, over))]
    names, shapes = zip(*[part for part in visible if not part[1].is_empty], strict=True)
    return geopandas.GeoDataFrame(dict(class_name=names), geometry=list(shapes))


def _discs(craters: Craters, share: float, radius_m: float) -> np.ndarray:
    width_m = share * craters.diameter_m
    return ring_polygons(*ground_ellipses(craters.lon, craters.lat, width_m, width_m, radius_m, VERTICES))


def main() -> None:
    """Read craters and write their parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("craters", type=Path, help="a table of craters")
    parser.add_argument("labels", type=Path, help="the GeoPackage to write")
    parser.add_argument("--body", required=True, help="Moon, Mars ...")
    parser.add_argument("--min-diameter-km", type=float, default=0.0, help="smaller craters are left out")
    arguments = parser.parse_args()
    body, craters = find_body(arguments.body), read_craters(arguments.craters)
    craters = craters.select(craters.diameter_m >= 1000 * arguments.min_diameter_km)
    if not len(craters):
        raise OrbitileError(f"{arguments.craters}: no crater of {arguments.min_diameter_km:g} km and more")
    with atomic(arguments.labels) as temporary:
        crater_parts(craters, body.radius_m).set_crs(body.crs).to_file(temporary, driver="GPKG", layer="crater_parts")


if __name__ == "__main__":
    try:
        main()
    except OrbitileError as error:
        sys.exit(str(error))
