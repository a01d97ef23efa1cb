"""The most disk and memory that runs take, beside what their plans foretold.

    make bench-peaks [BENCH="--runs demo sparse --side 45000"]

The demo and the demo of fractures with pictures of their scenes, as `make demo` runs them, and a made-up sparse scene
at the scale of CTX, of which five squares of 1024 px hold data: a GeoTIFF whose other blocks are not there. Disk is
what the folder of a run takes, looked at several times a second; memory is that of each job at its peak, by its record.
Prints a table in Markdown and writes benchmarks/results/peaks.json.
"""

import argparse
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import laptop
import machine
import rasterio
import yaml
from affine import Affine
from rasterio.windows import Window

from orbitile.base.files import write_json
from orbitile.jobs.paths import recorded_jobs
from orbitile.jobs.records import read_attempts
from orbitile.planning.run_costs import RunCosts, estimate_costs
from orbitile.settings import check_settings
from orbitile.tables.plan import read_plan

HERE = Path(__file__).parent
ROOT = HERE.parent
SQUARE_PX, SQUARES = 1024, 5
LOOKS_PER_S = 4


def fracture_settings(folder: Path, side: int) -> dict:
    """The demo of fractures, with paths that hold anywhere."""
    settings = yaml.safe_load((ROOT / "demo" / "fractures" / "fractures.yaml").read_text())
    truth, model = settings["evaluation"], settings["model"]
    return settings | dict(
        scenes=str(ROOT / settings["scenes"]), evaluation=truth | dict(truth=str(ROOT / truth["truth"])),
        model=model | dict(weights=str(ROOT / model["weights"])),
    )  # fmt: skip


def sparse_settings(folder: Path, side: int) -> dict:
    """Write a sparse scene of `side` x `side` px and its table; the settings of a run of it."""
    with rasterio.open(ROOT / "demo" / "scenes" / "moon_180E_30S.tif") as source:
        square = source.read(1, window=Window(0, 0, SQUARE_PX, SQUARE_PX))
    profile = dict(driver="GTiff", width=side, height=side, count=1, dtype="uint8", nodata=0, crs="IAU_2015:49910",
                   tiled=True, blockxsize=512, blockysize=512, compress="deflate", sparse_ok=True,
                   bigtiff="if_safer", transform=Affine(6, 0, 0, 0, -6, 0))  # fmt: skip
    with rasterio.open(folder / "scene.tif", "w", **profile) as sink:
        for number in range(SQUARES):
            place = 512 + side // SQUARES // 512 * 512 * number
            sink.write(square, 1, window=Window(place, place, SQUARE_PX, SQUARE_PX))
    (folder / "scenes.csv").write_text("scene,path\nscene,scene.tif\n")
    return dict(run="sparse", body="Mars", scenes=str(folder / "scenes.csv"), model="mars-ctx-5m", gsd_m=6)


RUNS: dict[str, Callable[[Path, int], dict]] = dict(
    demo=lambda folder, side: laptop.demo_settings(), fractures=fracture_settings, sparse=sparse_settings
)


def disk_bytes(folder: Path) -> int:
    """Disk that a folder takes at the moment; files that vanish meanwhile count nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_blocks * 512
        except OSError:
            continue
    return total


@contextmanager
def watched_disk(folder: Path) -> Iterator[list[int]]:
    """What a folder takes while something runs, in bytes, several times a second."""
    looks, end = [disk_bytes(folder)], threading.Event()

    def look() -> None:
        while not end.wait(1 / LOOKS_PER_S):
            looks.append(disk_bytes(folder))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        end.set()
        thread.join()


def foretold(folder: Path, settings: dict) -> RunCosts:
    """What the plan of a run says that it takes."""
    plan = read_plan(folder / "results" / settings["run"] / "plan.parquet")
    return estimate_costs(plan.size, len(plan.groups), check_settings(settings, [folder / "settings.yaml"]))


def bench(name: str, side: int) -> dict:
    """Run one, and watch it; the figures."""
    with tempfile.TemporaryDirectory(prefix="bench-peaks-") as temporary:
        inputs, folder = (Path(temporary) / part for part in ("inputs", "run"))
        inputs.mkdir()
        folder.mkdir()
        settings = RUNS[name](inputs, side)
        with watched_disk(folder) as looks:
            times = laptop.run(folder, settings)
        memory: dict[str, float] = {}
        for job in recorded_jobs(folder / "results" / settings["run"]):
            peak = max(attempt.memory_mb for attempt in read_attempts(job.record))
            memory[job.rule] = max(peak, memory.get(job.rule, 0.0))
        costs = foretold(folder, settings)
    return dict(
        run=name, tiles=times.tiles, foretold_tiles=costs.tiles, cpu_s=times.cpu_s, wall_s=times.wall_s,
        disk_mb=max(looks) / 1e6, foretold_disk_mb=costs.disk_bytes / 1e6, memory_mb=memory,
        foretold_memory_mb=costs.memory_bytes / 1e6,
    )  # fmt: skip


def row(record: dict) -> list[str]:
    """A line of the table."""
    largest = max(record["memory_mb"], key=record["memory_mb"].get)
    memory_mb = record["memory_mb"][largest]
    return [
        record["run"], f"{record['foretold_tiles']:,}, {record['tiles']:,}",
        _cell(record["foretold_disk_mb"], record["disk_mb"]),
        f"{_cell(record['foretold_memory_mb'], memory_mb)} ({largest})",
    ]  # fmt: skip


def _cell(foretold_mb: float, measured_mb: float) -> str:
    return f"{foretold_mb:,.0f}, {measured_mb:,.0f} MB, {100 * (foretold_mb / measured_mb - 1):+.0f} %"


def main() -> None:
    """Run them one after another, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--side", type=int, default=100_000, help="of the sparse scene in pixels")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "peaks.json")
    arguments = parser.parse_args()
    records = [bench(name, arguments.side) for name in arguments.runs]
    about = dict(hardware=machine.hardware(), sparse_side=arguments.side)
    write_json(arguments.out, dict(about=about, records=records))
    print(machine.markdown(["foretold, measured", "tiles", "disk", "memory of the largest job"], map(row, records)))


if __name__ == "__main__":
    main()
