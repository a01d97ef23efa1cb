"""What a map of densities of a made-up world costs, for catalogues of several sizes.

    make bench-density [BENCH="--sizes 1e5 1e6 1e7"]

The stage as the workflow runs it, counts and kernel and all files, beside counts alone by pandas and numpy with all
rows in memory. Every measurement has a process of its own. Prints a table in Markdown and writes
benchmarks/results/density.json.
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

from orbitile.base.files import write_json

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

SCENES_ACROSS, SCENES_DOWN, OVERLAP_DEG = 150, 100, 0.2
"""15,000 scenes that overlap cover all of Mars."""
GROUPS_ACROSS, GROUPS_DOWN = 20, 15
DIAMETERS_KM, CELL_KM = (0.2, 1.0, 5.0), 50.0
PACKAGES = ["numpy", "scipy", "shapely", "pyarrow", "geopandas", "rasterio", "pandas"]


def make_world(folder: Path, craters: int) -> None:
    """Write a catalogue of Mars, and the footprints of its scenes."""
    import geopandas
    import shapely
    from made_up_catalogue import MARS, write_catalogue

    write_catalogue(folder, GROUPS_ACROSS, GROUPS_DOWN, craters)
    west, south = np.meshgrid(
        np.linspace(-180, 180, SCENES_ACROSS, endpoint=False), np.linspace(-90, 90, SCENES_DOWN, endpoint=False)
    )
    east, north = west + 360 / SCENES_ACROSS + OVERLAP_DEG, south + 180 / SCENES_DOWN + OVERLAP_DEG
    shapes = shapely.box(west.ravel(), south.ravel(), np.minimum(east, 180).ravel(), np.minimum(north, 90).ravel())
    frame = geopandas.GeoDataFrame(dict(scene=np.arange(len(shapes)).astype(str)), geometry=shapes, crs=MARS.crs)
    frame.to_parquet(folder / "completeness.parquet")
    file = dict(path="completeness.parquet", rows=len(frame), bytes=0)
    write_json(folder / "completeness.json", dict(body="Mars", files=[file]))


def orbitile(folder: Path) -> Callable[[], None]:
    """The stage: cells, kernel, rasters, table, picture."""
    from orbitile.stages.density import DensityChoice, DensityOutputs, SearchLimits, density

    outputs = DensityOutputs(
        *(str(folder / "density" / name) for name in ("d.json", "d.tif", "k.tif", "d.pq", "d.png"))
    )
    choice = DensityChoice(DIAMETERS_KM, CELL_KM)
    return lambda: density(
        str(folder / "craters.json"), str(folder / "completeness.json"), choice, SearchLimits(0.1, 0.005), outputs
    )


def pandas(folder: Path) -> Callable[[], None]:
    """Counts in the same cells alone, of a table that is read at once; nothing of what was searched."""
    import pandas

    columns = round(2 * np.pi * 3396.19 * np.cos(np.radians(30)) / CELL_KM)
    edges = (
        np.linspace(-180, 180, columns + 1),
        np.linspace(-1, 1, round(2 * 3396.19 / CELL_KM / np.cos(np.pi / 6)) + 1),
    )

    def count() -> None:
        frame = pandas.read_parquet(folder / "craters")
        for diameter in DIAMETERS_KM:
            large = frame[frame["diameter_km"] >= diameter]
            np.histogram2d(large["lon"], np.sin(np.radians(large["lat"])), edges)

    return count


WAYS = {"Orbitile: cells, kernel, files": orbitile, "pandas, all columns, histogram2d: cells alone": pandas}


def bench(sizes: list[int], out: Path) -> None:
    """Measure all sizes, and keep what is known so far in the file."""
    about = dict(hardware=machine.hardware(), versions=machine.versions(PACKAGES), cell_km=CELL_KM,
                 diameters_km=DIAMETERS_KM, scenes=SCENES_ACROSS * SCENES_DOWN)  # fmt: skip
    records: list[machine.Record] = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="bench-density-") as folder:
            make_world(Path(folder), size)
            for way in WAYS:
                record = machine.in_own_process([__file__, "--one", way, "--folder", folder], {}, limit=0)
                records.append(record | dict(way=way, craters=size))
                print(time.strftime("%H:%M:%S"), json.dumps(records[-1]), file=sys.stderr, flush=True)
                write_json(out, about | dict(records=records))
    print(table(records))
    if machine.has_failed(records):
        sys.exit("Not all of them worked.")


def table(records: list[machine.Record]) -> str:
    """A row for each way, a column for each size."""
    sizes = dict.fromkeys(record["craters"] for record in records)
    rows = [[way, *(_cell(record) for record in records if record["way"] == way)] for way in WAYS]
    return machine.markdown(["", *(f"{size:,} craters" for size in sizes)], rows)


def _cell(record: machine.Record) -> str:
    if record["seconds"] is None:
        return str(record["reason"])
    peak = f"{record['peak_mb']:,.0f} of {record['total_mb']:,.0f} MB"
    return f"{record['seconds']:.1f} s, CPU {record['cpu_seconds']:.1f} s, {peak}"


def main() -> None:
    """Read the command line; with --one, be the process that a single measurement runs in."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=float, nargs="+", default=[1e5, 1e6, 1e7], help="numbers of craters")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "density.json")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        machine.goes_first()
        _, record = machine.measured(WAYS[arguments.one](arguments.folder), limit=0)
        print(json.dumps(record))
    else:
        bench([int(size) for size in arguments.sizes], arguments.out)


if __name__ == "__main__":
    main()
