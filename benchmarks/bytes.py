"""Bytes that each stage reads and writes per byte of the image: used where it lies, and copied.

    make bench-bytes [BENCH="--side 3000" ...]

A made-up scene on the run's grid at three scales, 1, 8 and 32 of its pixels. Every stage has a process of its own, in
which the system counts what it reads and writes, from the disk or from the page cache. Prints a table in Markdown and
writes benchmarks/results/bytes.json.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import contestants
import imagery
import machine
from reading import SCENES

from orbitile.base.files import sha256, write_json

HERE = Path(__file__).parent
WEIGHTS = next((HERE.parent / "models").glob("moon-relief-*.safetensors"))
WAYS = {"in place": True, "copied": False}
GSD_M = 100.0
FACTORS = (1, 8, 32)
SCALES = {GSD_M * factor: factor for factor in FACTORS}
LAYOUT = dict(tiled=True, blockxsize=512, blockysize=512, compress="deflate", predictor=2, crs="IAU_2015:30110")


def georeference(folder: Path, in_place: bool) -> None:
    """The scene on its map, and its stretch."""
    from orbitile.georeferencing.project_image import TargetGrid
    from orbitile.jobs.pieces import JobWork
    from orbitile.space.bodies import find_body
    from orbitile.stages.georeference import GeoreferenceTarget
    from orbitile.stages.georeference import georeference as georeference_scenes
    from orbitile.tables.plan import read_scenes

    target = GeoreferenceTarget(TargetGrid(find_body("Moon"), None, GSD_M), (0.5, 99.5), in_place=in_place)
    scenes = read_scenes(folder / "results" / "bytes" / "plan.parquet", "scene")
    georeference_scenes(scenes, target, str(folder / "rasters"), str(folder / "georeferenced"), JobWork())


def downsample(folder: Path, in_place: bool) -> None:
    """The coarser scales."""
    from orbitile.jobs.pieces import JobWork
    from orbitile.stages.downsample import downsample as downsample_scenes
    from orbitile.tables.rasters import RasterTables

    table = RasterTables(str(folder / "georeferenced"))
    downsample_scenes(table, SCALES, str(folder / "rasters"), str(folder / "scaled"), JobWork())


def tile(folder: Path, in_place: bool) -> None:
    """Windows with data, at all scales."""
    from orbitile.jobs.pieces import JobWork
    from orbitile.stages.tile import tile_scenes

    sizes = dict.fromkeys(SCALES, contestants.TILE)
    tile_scenes(str(folder / "scaled"), sizes, str(folder / "tile"), str(folder / "tiles"), JobWork())


def infer(folder: Path, in_place: bool) -> None:
    """Pixels as the network gets them, at all scales: what the engine reads. Nothing is computed."""
    from orbitile.inference.engine.meter import Meter
    from orbitile.inference.engine.tile_reader import TileReader

    rows = contestants.tile_rows(raster_paths(folder))
    for _ in TileReader(rows, 1, machine.cores(), Meter()).tiles():
        pass


STAGES: dict[str, Callable[[Path, bool], None]] = dict(
    georeference=georeference, downsample=downsample, tile=tile, infer=infer
)


def raster_paths(folder: Path) -> list[Path]:
    """The rasters of all scales."""
    from orbitile.tables.rasters import read_rasters

    return [Path(row.path) for row in read_rasters(folder / "scaled")]


def plan(folder: Path) -> None:
    """Plan a run of the scene."""
    from orbitile.planning.plan import current_plan
    from orbitile.settings import Settings

    (folder / "scenes.csv").write_text("scene,path\nscene,scene.tif\n")
    scales = [dict(gsd_m=scale_m, tile_px=512, overlap_px=128) for scale_m in SCALES]
    model = dict(weights=str(WEIGHTS), sha256=sha256(WEIGHTS))
    scenes = dict(scenes=str(folder / "scenes.csv"), scenes_per_group=1)  # a group that bears the scene's name
    settings = dict(run="bytes", body="Moon", scales=scales, model=model) | scenes
    path = folder / "results" / "bytes" / "plan.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    current_plan(Settings.model_validate(settings), path)


def counted_bytes() -> tuple[int, int]:
    """What this process has read and written so far, in bytes."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["rchar"]), int(lines["wchar"])


def run(stage: str, folder: Path, way: str) -> machine.Record:
    """Run a stage and count; what it imports, on the way too, is there before."""
    import numba  # noqa: F401
    import pandas as pd  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    import orbitile.inference.engine.tile_reader
    import orbitile.stages.downsample
    import orbitile.stages.georeference
    import orbitile.stages.tile  # noqa: F401

    before = counted_bytes()
    _, record = machine.measured(lambda: STAGES[stage](folder, WAYS[way]), limit=0)
    after = counted_bytes()
    return record | dict(read_bytes=after[0] - before[0], written_bytes=after[1] - before[1])


def bench(side: int, out: Path) -> None:
    """Run the chain in both ways and print the table."""
    records = []
    with tempfile.TemporaryDirectory(prefix="bench-bytes-") as temporary:
        image = Path(temporary) / "scene.tif"
        imagery.write_raster(image, side, sorted(SCENES.glob("*.tif")), **LAYOUT)
        image_bytes = image.stat().st_size
        for way in WAYS:
            folder = Path(temporary) / way.replace(" ", "-")
            folder.mkdir()
            (folder / "scene.tif").hardlink_to(image)
            plan(folder)
            for stage in STAGES:
                words = [__file__, "--one", stage, way, "--folder", folder]
                record = machine.in_own_process(words, {"OMP_NUM_THREADS": "1"}, limit=0)
                records.append(record | dict(stage=stage, way=way))
            disk = sum(path.stat().st_size for path in (folder / "rasters").rglob("*") if path.is_file())
            records.append(dict(stage="left on disk", way=way, written_bytes=disk))
    about = dict(hardware=machine.hardware(), side=side, image_bytes=image_bytes, factors=FACTORS)
    write_json(out, dict(about=about, records=records))
    print(table(records, image_bytes))
    if machine.has_failed(records):
        sys.exit("a stage failed; see above")


def table(records: list[machine.Record], image_bytes: int) -> str:
    """A row per stage: bytes read and written per byte of the image, and CPU seconds, in each way."""
    rows = []
    for stage in (*STAGES, "left on disk"):
        cells = [_cell(record, image_bytes) for record in records if record["stage"] == stage]
        rows.append([stage, *cells])
    return machine.markdown(["", *WAYS], rows)


def _cell(record: machine.Record, image_bytes: int) -> str:
    if "read_bytes" not in record:
        return record.get("reason") or f"{record['written_bytes'] / image_bytes:.2f}"
    read, written = (record[name] / image_bytes for name in ("read_bytes", "written_bytes"))
    return f"{read:.2f} read, {written:.2f} written, {record['cpu_seconds']:.1f} s"


def main() -> None:
    """The table of all stages or, with --one, the record of a stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=6000)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "bytes.json")
    parser.add_argument("--one", nargs=2, metavar=("STAGE", "WAY"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(run(arguments.one[0], arguments.folder, arguments.one[1])))
    else:
        bench(arguments.side, arguments.out)


if __name__ == "__main__":
    main()
