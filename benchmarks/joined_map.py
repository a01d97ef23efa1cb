"""What it takes to join the outlines of many groups to a map: CPU time and peak memory of the stage assemble_map.

    .venv/bin/python benchmarks/joined_map.py [--sides 3 10] [--files]

Made-up groups of 7 x 7 scenes of 600 px, side by side in a square, with 207 fractures in each scene: staircases of 40
px with their centre lines. 20 of them go on over the scene's border, and so one in seven of these over a group's. Sides
of 3 and 10 groups are 10^5 and 10^6 fractures. Only the dataset is written, unless --files asks for files beside it.
Every size has a process of its own. Prints a record of each and writes benchmarks/results/joined-map.json.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import machine
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from orbitile.base.files import write_json
from orbitile.features.filter import PolygonFilters
from orbitile.space.bodies import find_body
from orbitile.stages.assemble_map import MapInputs, MapOutputs, assemble_map
from orbitile.tables.masks import LINE, OUTLINES, POLYGON
from orbitile.tables.parquet import write_table
from orbitile.tables.rasters import RasterRow, write_rasters

MOON = find_body("Moon")
WKT = CRS("IAU_2015:30110").to_wkt()
SIDES, SCENES, SCENE_PX, GSD_M = [3, 10], 7, 600, 100.0
STEPS, STEP_PX, WIDTH_PX = 10, 4, 3
CROSSING, OVER_PX = 10, 22
"""Fractures over each of a scene's left and right borders, and how far they go over."""
COLUMNS, ROWS = 11, 17
"""Other fractures of a scene."""
LIMIT_S = 3600.0


def staircase() -> tuple[np.ndarray, np.ndarray]:
    """The outline (n, 2) of a fracture, and the pixels (m, 2) of its centre line."""
    along = np.arange(STEPS * STEP_PX)
    cols, rows = np.repeat(np.arange(STEPS + 1) * STEP_PX, 2)[1:-1], np.repeat(np.arange(STEPS), 2)
    upper = np.column_stack([cols, rows])
    lower = upper[::-1] + np.array([0, WIDTH_PX])
    return np.concatenate([upper, lower]), np.column_stack([along + 0.5, along // STEP_PX + 1.5])


def fractures(col: int, row: int) -> Iterator[tuple[shapely.Geometry, shapely.LineString, bool]]:
    """Outline and centre line of each fracture of the scene at a place on the lattice, and whether it goes on."""
    outline, chain = staircase()
    window, cut = shapely.box(col, row, col + SCENE_PX, row + SCENE_PX), STEPS * STEP_PX - OVER_PX
    for n in range(CROSSING):
        for border, part in ((col + SCENE_PX, chain[: cut + 1]), (col, chain[cut:])):
            place = border - cut, row + 20 + 55 * n
            yield shapely.intersection(shapely.Polygon(outline + place), window), _line(part + place), True
    for n in range(COLUMNS * ROWS):
        place = col + 30 + 50 * (n % COLUMNS), row + 40 + 32 * (n // COLUMNS)
        yield shapely.Polygon(outline + place), _line(chain + place), False


def _line(pixels: np.ndarray) -> shapely.LineString:
    return shapely.LineString(np.column_stack([pixels, np.full(len(pixels), float(WIDTH_PX))]))


def outlines_of(scene: str, col: int, row: int) -> pd.DataFrame:
    """The outlines of a scene."""
    polygons, lines, continues = zip(*fractures(col, row), strict=True)
    pixels = shapely.area(polygons).astype(int)
    about = {"scene": scene, "scale_m": GSD_M, "class": "fracture", "near_nodata": 0}
    return pd.concat(
        pd.DataFrame(about | dict(kind=kind, geometry=shapely.to_wkb(shapes, output_dimension=3), pixels=pixels * share,
                                  probability=200 * pixels * share, continues_beyond_scene=continues))
        for kind, shapes, share in ((POLYGON, np.array(polygons), 1), (LINE, np.array(lines), 0))
    )  # fmt: skip


def write_group(folder: Path, group: tuple[int, int], side: int) -> None:
    """Write the tables of a group."""
    name, outlines, rasters = "g{:02d}{:02d}".format(*group), [], []
    (folder / "x.tif").touch()
    for place in np.ndindex(SCENES, SCENES):
        row, col = (np.array(group) * SCENES + place - side * SCENES // 2) * SCENE_PX
        scene = f"{name}s{place[0]}{place[1]}"
        transform = [GSD_M, 0.0, float(col) * GSD_M, 0.0, -GSD_M, -float(row) * GSD_M]
        rasters.append(RasterRow(scene, GSD_M, str(folder / "x.tif"), WKT, transform, SCENE_PX, SCENE_PX, 1.0, [0.0],
                                 [255.0], "projected", in_mosaic=True))  # fmt: skip
        outlines.append(outlines_of(scene, int(col), int(row)))
    write_table(pd.concat(outlines, ignore_index=True), OUTLINES, folder / "outlines" / f"{name}.parquet")
    write_rasters(rasters, folder / "stitched" / f"{name}.parquet")


def join(folder: Path, formats: list[str]) -> machine.Record:
    """Assemble the map of a folder's groups; what that took."""
    outlines, stitched = (sorted(map(str, (folder / name).glob("*.parquet"))) for name in ("outlines", "stitched"))
    names = ("polygons", "lines", "summary.csv", "rose.png")
    outputs = MapOutputs(*(str(folder / "map" / name) for name in names), formats, 10**9)
    filters = PolygonFilters.of(MOON, 0.0, 3.0)
    stage = partial(assemble_map, MapInputs(outlines, stitched), filters, MOON, dict(body="Moon"), outputs)
    _, figures = machine.measured(stage, LIMIT_S)
    proof = json.loads((folder / "map" / "polygons.json").read_text())
    return figures | dict(groups=len(outlines), polygons=proof["rows"], lines=proof["lines"])


def main() -> None:
    """Make the groups, join them, tell what that took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES, help="groups along each side of the square")
    parser.add_argument("--files", action="store_true", help="write GeoPackage, Shapefile and GeoParquet, too")
    parser.add_argument("--join", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    formats = ["gpkg", "shp", "parquet"] if options.files else []
    if options.join:
        print(json.dumps(join(options.join, formats)))
        return
    records = []
    for side in options.sides:
        with tempfile.TemporaryDirectory(prefix="bench-joined-") as name:
            for group in np.ndindex(side, side):
                write_group(Path(name), group, side)
            words = [Path(__file__), "--join", name, *(["--files"] if options.files else [])]
            records.append(machine.in_own_process(words, {}, LIMIT_S))
            print(records[-1], flush=True)
    packages = machine.versions(["numpy", "pandas", "pyarrow", "shapely"])
    record = dict(hardware=machine.hardware(), versions=packages, formats=formats, sizes=records)
    write_json(Path(__file__).parent / "results" / "joined-map.json", record)


if __name__ == "__main__":
    main()
