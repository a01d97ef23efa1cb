"""Cut scenes out of maps by longitude and latitude, and write their scene table.

    .venv/bin/python recipes/cut_scenes.py FOLDER/scenes.csv --scene MAP.tif NAME SPLIT WEST EAST SOUTH NORTH ...

--scene may stand there several times. SPLIT is train, val or test. The pixels of the maps are kept as they are;
FOLDER has NAME.tif.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import rasterio
from pyproj import CRS
from rasterio.windows import Window

from orbitile.base.errors import OrbitileError
from orbitile.base.files import atomic, write_text
from orbitile.space.ground import Ground


class Cut(NamedTuple):
    """A scene to be cut out of a map; degrees, planetocentric."""

    path: str
    name: str
    split: str
    west: float
    east: float
    south: float
    north: float


def cut(part: Cut, path: Path) -> None:
    """Write a scene on the grid of its map; OrbitileError where the map cannot be read or does not reach so far."""
    try:
        with rasterio.open(part.path) as source:
            window = _window(part, source)
            profile = source.profile | dict(driver="GTiff", compress="DEFLATE", tiled=True, blockxsize=256,
                                            blockysize=256, width=window.width, height=window.height,
                                            transform=source.window_transform(window))  # fmt: skip
            with atomic(path) as temporary, rasterio.open(temporary, "w", **profile) as scene:
                scene.write(source.read(window=window))
    except rasterio.RasterioIOError as error:
        raise OrbitileError(f"{part.path}: cannot be read as a map ({error}); is this the right folder?") from error


def _window(part: Cut, source: rasterio.DatasetReader) -> Window:
    """The pixels of the map in the box."""
    if source.crs is None:
        raise OrbitileError(f"{part.path}: has no coordinate reference system; assign that of its body")
    middle = source.transform @ (source.width / 2, source.height / 2)
    ground = Ground(source.crs.to_wkt(), CRS.from_wkt(source.crs.to_wkt()).ellipsoid.semi_major_metre)
    (left, right), (bottom, top) = ground.xy([part.west, part.east], [part.south, part.north], *middle)
    columns, rows = zip(~source.transform @ (left, top), ~source.transform @ (right, bottom), strict=True)
    (first_column, last_column), (first_row, last_row) = (map(round, ends) for ends in (columns, rows))
    if not (0 <= first_column < last_column <= source.width and 0 <= first_row < last_row <= source.height):
        raise OrbitileError(f"{part.path}: does not hold {part.name}, {part.west:g} to {part.east:g} E, "
                            f"{part.south:g} to {part.north:g} N; give another box, or another map")  # fmt: skip
    return Window(first_column, first_row, last_column - first_column, last_row - first_row)


def write_scenes(parts: Sequence[Cut], table: Path) -> None:
    """Write all scenes beside their table, and the table last."""
    table.parent.mkdir(parents=True, exist_ok=True)
    for part in parts:
        cut(part, table.parent / f"{part.name}.tif")
    rows = [dict(scene=part.name, path=f"{part.name}.tif", split=part.split) for part in parts]
    write_text(table, pd.DataFrame(rows).to_csv(index=False))


def main() -> None:
    """Cut what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="the scene table to write")
    parser.add_argument("--scene", nargs=7, action="append", required=True,
                        metavar=("MAP", "NAME", "SPLIT", "WEST", "EAST", "SOUTH", "NORTH"))  # fmt: skip
    arguments = parser.parse_args()
    try:
        parts = [Cut(*words[:3], *map(float, words[3:])) for words in arguments.scene]
    except ValueError as error:
        parser.error(f"--scene: {error}")
    write_scenes(parts, arguments.table)


if __name__ == "__main__":
    try:
        main()
    except OrbitileError as error:
        sys.exit(str(error))
