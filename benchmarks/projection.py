"""What projecting an image by its camera costs and how exact it is: Orbitile beside GDAL.

    make bench-projection [BENCH=--quick]

A made-up pattern on the ground is imaged through the real camera and attitude of an LRO NAC strip (strips.py) of 5,064
x 52,224 px and brought back onto a map of 1.5 m/px: by Orbitile's inverse grid, by GDAL's geolocation arrays, and by
GDAL's thin-plate splines through ground control points, as rasterio calls them. All get the exact camera's coordinates;
those of GDAL's are computed beforehand and not in its time. Every contestant and size has a process of its own, one
thread, and a first call on a short strip that pays for compiling. Image and map are uncompressed GeoTIFFs. Prints a
table in Markdown and writes benchmarks/results/projection.json; not with --quick, which takes an eighth of the strip
and only shows whether it works.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import machine
import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.warp import reproject
from strips import GSD_M, HEIGHT, IMAGES, MOON, WIDTH, Offsets, Strip, write_arrays, write_images, write_points

from orbitile.base.files import write_json
from orbitile.georeferencing.projection.remap import remap_image
from orbitile.rasters.gdal import raster_window
from orbitile.rasters.read import read_window, row_windows
from orbitile.rasters.source import RasterPixels

HERE = Path(__file__).parent
FIRST_HEIGHT = 1024
OUT = "map.tif"
CACHE_MB = 64
"""GDAL's cache of blocks: by default it keeps 5 % of the machine's memory full of what was written, for all alike."""

STEP = 32
POINTS = 9, 65
PACKAGES = ["numpy", "numba", "scipy", "rasterio", "pyproj"]
OURS, ARRAYS, SPLINES = "Orbitile", "GDAL, geolocation arrays", "GDAL, thin-plate splines"


def orbitile(strip: Strip, folder: Path, image: str) -> machine.Record:
    """By the camera."""
    with rasterio.open(folder / f"{image}.tif") as source, _opened(strip, folder) as sink:
        projected = remap_image(strip.camera, strip.surface, RasterPixels(source), strip.grid, MOON.radius_m)
        for window, pixels, valid in projected.blocks:
            sink.write(np.where(valid, pixels, np.float32(np.nan)), 1, window=raster_window(window))
    return dict(recorded_px=round(projected.error_px, 4), spacing_px=projected.spacing_px)


def arrays(strip: Strip, folder: Path, image: str) -> machine.Record:
    """By arrays of map coordinates on every 32nd pixel."""
    _reprojected(strip, folder, f"{image}-arrays.vrt", SRC_METHOD="GEOLOC_ARRAY")
    return dict(array_step_px=STEP)


def splines(strip: Strip, folder: Path, image: str) -> machine.Record:
    """By ground control points."""
    _reprojected(strip, folder, f"{image}-points.vrt", SRC_METHOD="GCP_TPS")
    return dict(control_points=POINTS[0] * POINTS[1])


CONTESTANTS: dict[str, Callable[[Strip, Path, str], machine.Record]] = {
    OURS: orbitile,
    ARRAYS: arrays,
    SPLINES: splines,
}


def _opened(strip: Strip, folder: Path) -> rasterio.io.DatasetWriter:
    """The map to be written."""
    return rasterio.open(
        folder / OUT, "w", driver="GTiff", width=strip.grid.width, height=strip.grid.height, count=1, dtype="float32",
        crs=strip.grid.crs_wkt, transform=strip.grid.transform, nodata=np.nan, blockysize=16,
    )  # fmt: skip


def _reprojected(strip: Strip, folder: Path, name: str, **method: str) -> None:
    """Write an image onto the map by GDAL's warper, in chunks of its own choice."""
    crs = CRS.from_wkt(strip.grid.crs_wkt)
    with rasterio.open(folder / name) as source, _opened(strip, folder) as sink:
        reproject(
            rasterio.band(source, 1), rasterio.band(sink, 1), src_crs=crs, resampling=Resampling.bilinear, **method
        )


def run_one(name: str, folder: Path, height: int, judged: bool) -> machine.Record:
    """Time one contestant in this process on the images in the folder, and judge what it makes of them."""
    CONTESTANTS[name](Strip.of(FIRST_HEIGHT), folder / "first", IMAGES[0])
    strip = Strip.of(height)
    report, cost = machine.measured(lambda: CONTESTANTS[name](strip, folder, IMAGES[0]), limit=0)
    return cost | report | (_errors_of(name, strip, folder) if judged else {})


def _errors_of(name: str, strip: Strip, folder: Path) -> machine.Record:
    """Errors in pixels of the map, across of the map that is there, down of another that is made."""
    across = _judged(strip, folder, 0)
    CONTESTANTS[name](strip, folder, IMAGES[1])
    down = _judged(strip, folder, 1)
    return dict(
        judged_px=across.count,
        max_px=[round(across.worst, 4), round(down.worst, 4)],
        rms_px=round(float(np.sqrt((across.squares + down.squares) / across.count)), 4),
    )


def _judged(strip: Strip, folder: Path, axis: int) -> Offsets:
    """How far off the map in the folder is."""
    offsets = Offsets(strip.grid, axis)
    with rasterio.open(folder / OUT) as source:
        offsets.feed((window, *read_window(source, window)) for window in row_windows(strip.grid, multiple_of=16))
    return offsets


def prepare(height: int, folder: Path) -> Strip:
    """All files that contestants read."""
    folder.mkdir(exist_ok=True)
    strip = Strip.of(height)
    write_images(strip, folder)
    write_arrays(strip, folder, STEP)
    write_points(strip, folder, *POINTS)
    return strip


def measure(height: int, judged: bool, folder: Path) -> list[machine.Record]:
    """Run all contestants on a strip of so many rows, each in a process of its own."""
    grid = prepare(height, folder).grid
    records = []
    for name in CONTESTANTS:
        words = [__file__, "--one", name, "--folder", folder, "--height", height] + ["--judged"] * judged
        variables = {"NUMBA_CACHE_DIR": str(folder / "numba"), "GDAL_CACHEMAX": str(CACHE_MB)}
        record = machine.in_own_process(words, variables, limit=0)
        records.append(dict(contestant=name, rows=height, map_px=[grid.width, grid.height]) | record)
        print(time.strftime("%H:%M:%S"), json.dumps(records[-1]), file=sys.stderr, flush=True)
    return records


def table(records: list[machine.Record], heights: list[int]) -> str:
    """A row per contestant: seconds and peak memory by size, errors at full size."""
    by_case = {(record["contestant"], record["rows"]): record for record in records}
    rows = [
        [name, *(_cost(by_case[name, height]) for height in heights), _errors(by_case[name, heights[-1]])]
        for name in CONTESTANTS
    ]
    heads = ["", *(f"{WIDTH:,} x {height:,} px" for height in heights), "error: largest across, down; rms"]
    return machine.markdown(heads, rows)


def _cost(record: machine.Record) -> str:
    if record["seconds"] is None:
        return str(record["reason"])
    return f"{record['seconds']:.1f} s ({record['cpu_seconds']:.1f} s CPU), {record['peak_mb']:,.0f} MB"


def _errors(record: machine.Record) -> str:
    if "rms_px" not in record:
        return "-"
    across, down = record["max_px"]
    return f"{across:.3f}, {down:.3f}; {record['rms_px']:.3f} px"


def bench(heights: list[int], out: Path | None) -> bool:
    """Measure strips of several lengths, and judge the longest; tell whether all went well."""
    records: list[machine.Record] = []
    with tempfile.TemporaryDirectory(prefix="bench-projection-") as temporary:
        prepare(FIRST_HEIGHT, Path(temporary) / "first")
        for height in heights:
            records += measure(height, height == heights[-1], Path(temporary))
    about = dict(hardware=machine.hardware(), versions=machine.versions(PACKAGES), gdal=rasterio.__gdal_version__)
    if out:
        write_json(out, about | dict(gsd_m=GSD_M, results=records))
    print(table(records, heights))
    return not machine.has_failed(records)


def main() -> int:
    """Measure everything, or one contestant in this process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="an eighth of the strip, and nothing is written")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "projection.json")
    parser.add_argument("--one", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--height", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--judged", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run_one(options.one, options.folder, options.height, options.judged)))
        return 0
    heights, out = ([HEIGHT // 8], None) if options.quick else ([HEIGHT // 4, HEIGHT // 2, HEIGHT], options.out)
    return 0 if bench(heights, out) else 1


if __name__ == "__main__":
    sys.exit(main())
