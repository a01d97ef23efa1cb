"""The command `stack`: images with elevation, thermal inertia or measured spots as bands beside their own."""

import argparse
import logging
from pathlib import Path

from orbitile.base.errors import OrbitileError


def add_stack(commands: argparse._SubParsersAction) -> None:
    """Add the command and its arguments to those of a parser."""
    stack = commands.add_parser("stack", help="put further modalities as bands beside those of images")
    stack.add_argument("scenes", type=Path, help="a scene table, or a folder of images")
    stack.add_argument("out", type=Path, help="the folder to make: images with all bands, and scenes.csv")
    stack.add_argument("--body", required=True, help="Moon, Mars ...")
    stack.add_argument("--band", action="append", default=[], metavar="NAME=FILE",
                       help="a map, or a folder with an image for each scene, by the scene's name")  # fmt: skip
    stack.add_argument("--points", action="append", default=[], metavar="NAME=FILE:COLUMN:LIMIT",
                       help="points: white where a column reaches a limit, else black; grey elsewhere")  # fmt: skip
    stack.add_argument("--radius-px", type=float, default=2.5, help="of the discs that points become (2.5)")
    stack.add_argument("--least-overlap", type=float, default=0.5,
                       help="share of an image's pixels that the bands must cover (0.5)")  # fmt: skip


def stack(arguments: argparse.Namespace) -> None:
    """Write the images and print the path of their scene table; OrbitileError for what cannot be done."""
    from orbitile.features.modalities.point_band import PointBand  # other commands need not wait for GDAL
    from orbitile.features.modalities.raster_band import RasterBand
    from orbitile.planning.stacked_scenes import Stacking, stack_scenes
    from orbitile.space.bodies import find_body

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if not 0.5 <= arguments.radius_px <= 100:
        raise OrbitileError(f"--radius-px: {arguments.radius_px:g} given; allowed are 0.5 to 100")
    rasters = [RasterBand(name, Path(file)) for name, file in map(_named_file, arguments.band)]
    points = [PointBand(*parts, arguments.radius_px) for parts in map(_points, arguments.points)]
    names = [raster.name for raster in rasters] + [point.name for point in points]
    if len(set(names)) < len(names):
        raise OrbitileError(f"--band, --points: the names {', '.join(names)} are not all different")
    stacking = Stacking(find_body(arguments.body), [*rasters, *points], arguments.least_overlap)
    print(stack_scenes(arguments.scenes, stacking, arguments.out))


def _named_file(text: str) -> tuple[str, str]:
    name, sign, file = text.partition("=")
    if not (name and sign and file):
        raise OrbitileError(f"--band {text}: give NAME=FILE, such as elevation=dem.tif")
    return name, file


def _points(text: str) -> tuple[str, Path, str, float]:
    name, _, rest = text.partition("=")
    file, *column_and_limit = rest.rsplit(":", 2)
    try:
        column, limit = column_and_limit
        return name, Path(file), column, float(limit)
    except ValueError:
        raise OrbitileError(
            f"--points {text}: give NAME=FILE:COLUMN:LIMIT, such as calcium=spots.gpkg:CaO:10"
        ) from None
