"""Draw rims and floors of craters, and mare ridges, as classes that exclude each other.

    .venv/bin/python recipes/terrain_unet3plus/labels.py CRATERS.csv LINES.gpkg LABELS.gpkg --body Moon \
        [--diameters-km 8 80] [--box WEST EAST SOUTH NORTH]

A floor reaches to 0.8 of the crater's radius, a rim from there to 1.2 of it. Where craters overlap, the smaller one,
which is younger as a rule, is drawn over the larger. Lines of the kind "Mare ridge" become lines that are 8 px wide.
"""

import argparse
import sys
from pathlib import Path

import geopandas
import numpy as np
import pyogrio.errors
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.base.files import atomic
from orbitile.features.shapes.on_body import ring_polygons
from orbitile.space.bodies import Body, find_body
from orbitile.space.ground import ground_ellipses
from orbitile.tables.craters import Craters, read_craters

FLOOR, RIM = 0.8, 1.2
"""To which shares of a crater's radius its floor and its rim reach."""
VERTICES = 64
KIND = "Mare ridge"
RIDGE_PX = 8
"""Width of a ridge in pixels of the scenes."""
MARGIN_DEG = 3
"""How far beyond the box the centres of craters may lie that reach into it."""


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


def ridges(path: Path, body: Body) -> geopandas.GeoDataFrame:
    """The ridges of a file of lines with the column kind: class_name, width (px), geometry in degrees."""
    try:
        lines = geopandas.read_file(path)
    except pyogrio.errors.DataSourceError as error:
        raise OrbitileError(f"{path}: cannot be read as lines; is this the right folder of data?") from error
    if "kind" not in lines or lines.crs is None:
        raise OrbitileError(f"{path}: needs a reference system and the column kind; give the lines of the maps")
    chosen = lines[lines["kind"] == KIND].to_crs(body.crs)
    return geopandas.GeoDataFrame(
        dict(class_name="ridge", width=RIDGE_PX), geometry=chosen.geometry.to_numpy(), index=range(len(chosen)),
        crs=body.crs,
    )  # fmt: skip


def _in_box(craters: Craters, west: float, east: float, south: float, north: float) -> np.ndarray:
    lon = west - MARGIN_DEG + (craters.lon - west + MARGIN_DEG) % 360
    return (lon <= east + MARGIN_DEG) & (craters.lat >= south - MARGIN_DEG) & (craters.lat <= north + MARGIN_DEG)


def main() -> None:
    """Read craters and lines, and write the labels as layers of a GeoPackage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("craters", type=Path, help="a table of craters")
    parser.add_argument("lines", type=Path, help="lines with the column kind")
    parser.add_argument("labels", type=Path, help="the GeoPackage to write")
    parser.add_argument("--body", required=True, help="Moon, Mars ...")
    parser.add_argument("--diameters-km", type=float, nargs=2, default=(8, 80), metavar=("LEAST", "LARGEST"),
                        help="all other craters are left out (8 80)")  # fmt: skip
    parser.add_argument("--box", type=float, nargs=4, default=(-180, 180, -90, 90),
                        metavar=("WEST", "EAST", "SOUTH", "NORTH"), help="degrees; others are left out")  # fmt: skip
    arguments = parser.parse_args()
    body, craters = find_body(arguments.body), read_craters(arguments.craters)
    least_m, largest_m = (1000 * diameter for diameter in arguments.diameters_km)
    is_of_size = (craters.diameter_m >= least_m) & (craters.diameter_m <= largest_m)
    craters = craters.select(is_of_size & _in_box(craters, *arguments.box))
    if not len(craters):
        raise OrbitileError(f"{arguments.craters}: no crater of these diameters in the box; name others")
    layers = dict(craters=crater_parts(craters, body.radius_m).set_crs(body.crs), ridges=ridges(arguments.lines, body))
    arguments.labels.parent.mkdir(parents=True, exist_ok=True)
    with atomic(arguments.labels) as temporary:
        for name, layer in layers.items():
            layer.to_file(temporary, driver="GPKG", layer=name)


if __name__ == "__main__":
    try:
        main()
    except OrbitileError as error:
        sys.exit(str(error))
