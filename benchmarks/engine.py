"""What finding boxes in large rasters costs beside the network: Orbitile's engine, and what else one could use.

    make bench-engine [BENCH="--quick" ...]

Three parts, each run in processes of their own: `stubbed` (everything but the network, which answers at once with
canned answers), `forward` (with the network, beside the network alone, and detections compared), `memory` (Orbitile
on ever larger rasters); with --gpu, what gpu.py measures instead of these. Prints tables in Markdown and writes
benchmarks/results/engine.json, again after every process.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import contestants
import imagery
import machine
import numpy as np
import torch

from orbitile.base.files import write_json

HERE = Path(__file__).parent
DEMO = HERE.parent / "demo"
PACKAGES = ["numpy", "numba", "rasterio", "torch", "torchvision", "ultralytics-opencv-headless", "sahi"]
OURS = "Orbitile"
BLOCK_PX = 512
WARM_UP_SIDE = 1800
"""Of a raster that every process searches before it is measured, in pixels: it pays for compiling and imports."""
REPEATS, REPEATED_S = 5, 3.0
"""A process that measures calls shorter than this repeats them, and the best counts."""
PARTS = ("stubbed", "forward", "memory")
NETWORK_BATCHES = (1, contestants.BATCH)


@dataclass(frozen=True)
class Plan:
    """What is measured: sides of rasters in pixels, objects per tile, the longest a process may take in seconds."""

    side: int = 30_000
    forward_side: int = 12_600
    memory_sides: tuple[int, ...] = (10_000, 30_000, 100_000)
    objects: tuple[int, ...] = (20, 100)
    compression: str = "deflate"
    limit: float = 1800


QUICK = Plan(side=2500, forward_side=1500, memory_sides=(2000, 4000), objects=(20,), limit=60)


class Cache:
    """Rasters and weights in a folder, made where they are not there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.weights = folder / "model.safetensors"
        shutil.copyfile(HERE.parent / "models" / "moon-relief-474m.safetensors", self.weights)
        contestants.checkpoint_of(self.weights)

    @property
    def demo(self) -> list[Path]:
        """The demo's scenes."""
        return sorted((DEMO / "scenes").glob("*.tif"))

    def raster(self, side: int, compression: str, sparse: bool = False) -> Path:
        """A tiled raster of a side in pixels."""
        path = self.folder / f"{'sparse' if sparse else 'full'}-{side}-{compression}.tif"
        if not path.is_file():
            packed = {} if compression == "none" else dict(compress=compression, predictor=2)
            unfinished = path.with_suffix(".part")
            imagery.write_raster(unfinished, side, self.demo, sparse=sparse, tiled=True, blockxsize=BLOCK_PX,
                                 blockysize=BLOCK_PX, **packed)  # fmt: skip
            unfinished.rename(path)
        return path

    @property
    def variables(self) -> dict[str, str]:
        """Variables that keep what libraries write in the folder, and let them download nothing."""
        return dict(
            NUMBA_CACHE_DIR=str(self.folder / "numba"), YOLO_CONFIG_DIR=str(self.folder / "ultralytics"),
            YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", MPLCONFIGDIR=str(self.folder), OPENCV_LOG_LEVEL="ERROR",
            TORCHINDUCTOR_CACHE_DIR=str(self.folder / "inductor"), TRITON_CACHE_DIR=str(self.folder / "triton"),
        )  # fmt: skip


@dataclass(frozen=True)
class Task:
    """One process: what it measures, on which rasters, with how many canned objects per tile (None: the network).

    `batch` and `streams` are of the network alone.
    """

    what: str
    rasters: tuple[str, ...]
    warm_up: str
    weights: str
    out: str
    limit: float
    objects: int | None = None
    batch: int = contestants.BATCH
    streams: int = 1

    @property
    def paths(self) -> list[Path]:
        """The rasters."""
        return [Path(path) for path in self.rasters]


def run_contestant(task: Task) -> machine.Record:
    """Time a contestant; what it found goes to a file."""
    if task.objects is not None:
        contestants.answer_with(task.objects)
    run = contestants.CONTESTANTS[task.what](Path(task.weights))
    run([Path(task.warm_up)])
    result, record = machine.best_of(lambda: run(task.paths), task.limit, REPEATS, REPEATED_S)
    np.savez(task.out, **{name: rows for name in ("boxes", "left") if (rows := getattr(result, name)) is not None})
    counts = {name: None if (rows := getattr(result, name)) is None else len(rows) for name in ("boxes", "left")}
    return record | counts | {f"{name}_seconds": round(took, 4) for name, took in result.parts.items()}


def run_network(task: Task) -> machine.Record:
    """Time the network alone, on batches that are in memory as it wants them: `streams` at once share the cores."""
    network = contestants.network_of(Path(task.weights))
    images = torch.from_numpy(np.concatenate([np.stack(pixels) for pixels in contestants.pixels_of(task.paths)]))
    scaled = images[:, None].float().div_(255).contiguous(memory_format=torch.channels_last)
    batches = scaled.split(task.batch)
    threads = machine.cores() // task.streams

    def begin() -> None:
        torch.set_num_threads(threads)

    @torch.inference_mode()
    def forward(batch: torch.Tensor) -> None:
        network._model(batch)

    with ThreadPoolExecutor(task.streams, initializer=begin) as pool:
        list(pool.map(forward, batches[: 2 * task.streams]))
        _, record = machine.best_of(lambda: list(pool.map(forward, batches)), task.limit, REPEATS, REPEATED_S)
    return record | dict(tiles=len(images))


def run_memory(task: Task) -> machine.Record:
    """Let Orbitile's engine search a raster, keep nothing, and record the memory that it takes beside the model."""
    from orbitile.inference.engine.engine import Engine
    from orbitile.inference.engine.meter import Meter

    contestants.answer_with(task.objects)
    network, workers = contestants.network_of(Path(task.weights)), machine.cores()

    def search(rasters: Sequence[Path]) -> Meter:
        meter = Meter(workers)
        for _ in Engine(network, contestants.BATCH, workers, meter).search(contestants.tile_rows(rasters)):
            pass
        return meter

    before = machine.memory("VmRSS")
    search([Path(task.warm_up)])
    meter, record = machine.measured(lambda: search(task.paths), task.limit)
    extra_mb = round(record["total_mb"] - before, 1)
    return record | dict(tiles=meter.tiles, found=meter.detections, beside_model_mb=extra_mb)


RUNS = {"network": run_network, "memory": run_memory}


def stubbed(plan: Plan, cache: Cache, rasters: list[Path], start: Task) -> Iterator[machine.Record]:
    """Every contestant without the network."""
    for objects in plan.objects:
        yield from _compared(replace(start, rasters=_names(rasters), objects=objects), cache)


def forward(plan: Plan, cache: Cache, rasters: list[Path], start: Task) -> Iterator[machine.Record]:
    """The network alone, in the ways to spread it over cores, and every contestant with it."""
    start = replace(start, rasters=_names(rasters))
    for streams, batch in product(sorted({1, machine.cores()}), NETWORK_BATCHES):
        task = replace(start, what="network", streams=streams, batch=batch)
        yield _measured(task, cache) | dict(contestant=f"network alone, {_streams(streams)}, batches of {batch}")
    yield from _compared(start, cache)


def memory(plan: Plan, cache: Cache, rasters: list[Path], start: Task) -> Iterator[machine.Record]:
    """Orbitile on ever larger sparse rasters."""
    for side in plan.memory_sides:
        raster = cache.raster(side, "deflate", sparse=True)
        task = replace(start, what="memory", rasters=_names([raster]), objects=plan.objects[0])
        yield _measured(task, cache) | dict(contestant=OURS, side=side, objects=task.objects)


def _streams(streams: int) -> str:
    cores = machine.cores()
    return f"{streams} at once on one core each" if streams == cores > 1 else f"one at a time on {cores} cores"


def _compared(start: Task, cache: Cache) -> Iterator[machine.Record]:
    """All contestants on the same rasters, their boxes compared with Orbitile's."""
    ours_arrays: dict[str, np.ndarray] = {}
    for name in contestants.CONTESTANTS:
        record = _measured(replace(start, what=name), cache) | dict(contestant=name, objects=start.objects)
        if record["seconds"] is not None:
            theirs = dict(np.load(start.out))
            if name == OURS:
                ours_arrays = theirs
            elif ours_arrays:
                record["same"] = {part: imagery.compare(ours_arrays[part], rows) for part, rows in theirs.items()}
        yield record


def _measured(task: Task, cache: Cache) -> machine.Record:
    """Run a task in a process of its own, after its rasters were read once: all find them in the page cache."""
    for path in task.paths:
        with path.open("rb") as file:
            while file.read(2**24):
                pass
    return machine.in_own_process([__file__, "--one", json.dumps(asdict(task))], cache.variables, task.limit)


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    return tuple(map(str, paths))


def tables(parts: dict[str, list[machine.Record]]) -> str:
    """A table for each part."""
    texts = []
    for objects in dict.fromkeys(record["objects"] for record in parts.get("stubbed", [])):
        records = [record for record in parts["stubbed"] if record["objects"] == objects]
        texts.append(f"Without the network, {objects} objects per tile:\n\n{_table(records)}")
    if parts.get("forward"):
        texts.append(f"With the network:\n\n{_table(parts['forward'])}")
    if parts.get("memory"):
        heads = ["side (px)", "tiles", "seconds", "memory beside the model (MB)"]
        rows = [[f"{record['side']:,}", *_cells(record, "tiles", "seconds", "beside_model_mb")]
                for record in parts["memory"]]  # fmt: skip
        texts.append("Memory:\n\n" + machine.markdown(heads, rows))
    return "\n\n".join(texts)


def _table(records: list[machine.Record]) -> str:
    """A row per contestant: boxes of tiles, suppression over the raster, memory, agreement with Orbitile."""
    ours = next((record for record in records if record["contestant"] == OURS), {})
    heads = ["", "boxes of tiles (s)", "times Orbitile", "suppression (s)", "memory (MB)", "the same boxes"]
    return machine.markdown(heads, [_row(record, ours) for record in records])


def _row(record: machine.Record, ours: machine.Record) -> list[str]:
    if record.get("seconds") is None:
        return [record["contestant"], record.get("reason", "-"), *"----"]
    seconds, our_seconds = (one.get("tiles_seconds") or one.get("seconds") for one in (record, ours))
    same = ", ".join(f"{100 * one['share']:.2f} % of {part}" for part, one in record.get("same", {}).items())
    times = f"{seconds / our_seconds:.2f}" if our_seconds else "-"
    return [record["contestant"], f"{seconds:.2f}", times, *_cells(record, "suppression_seconds", "peak_mb"), same]


def _cells(record: machine.Record, *names: str) -> list[str]:
    return [f"{record[name]:,.4g}" if record.get(name) is not None else "-" for name in names]


@contextmanager
def _cache(folder: Path | None) -> Iterator[Cache]:
    """A cache in a folder, or in one that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-engine-") as temporary:
        yield Cache((folder or Path(temporary)).resolve())


def bench(plan: Plan, only: Sequence[str], demo: bool, cache: Cache, out: Path) -> None:
    """Measure the parts, and keep what is known so far in the file."""
    about = dict(hardware=machine.hardware(), versions=machine.versions(PACKAGES), plan=asdict(plan), demo=demo,
                 tile=asdict(contestants.TILE), batch=contestants.BATCH, least_score=contestants.LEAST_SCORE,
                 seed=imagery.SEED)  # fmt: skip
    parts: dict[str, list[machine.Record]] = {part: [] for part in only}
    warm_up = str(cache.raster(WARM_UP_SIDE, plan.compression))
    start = Task("", (), warm_up, str(cache.weights), str(cache.folder / "found.npz"), plan.limit)
    sides = dict(stubbed=plan.side, forward=plan.forward_side)
    for part, run in dict(stubbed=stubbed, forward=forward, memory=memory).items():
        if part not in only:
            continue
        rasters = [] if part not in sides else cache.demo if demo else [cache.raster(sides[part], plan.compression)]
        for record in run(plan, cache, rasters, start):
            parts[part].append(record)
            print(time.strftime("%H:%M:%S"), part, json.dumps(record), file=sys.stderr, flush=True)
            write_json(out, about | parts)
    print(tables(parts))
    if machine.has_failed(record for records in parts.values() for record in records):
        sys.exit("Not all of them worked.")


def main() -> None:
    """Read the command line; with --one, be the process that a single measurement runs in."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small rasters: see whether all of it works")
    parser.add_argument("--side", type=int, help="of the raster without the network, in pixels")
    parser.add_argument("--forward-side", type=int, help="of the raster with the network, in pixels")
    parser.add_argument("--memory-sides", type=int, nargs="+", help="of the rasters for memory, in pixels")
    parser.add_argument("--compression", choices=["deflate", "none"], help="of the raster")
    parser.add_argument("--limit", type=float, help="seconds for one process")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    parser.add_argument("--demo", action="store_true", help="the demo's nine scenes instead of made-up rasters")
    parser.add_argument("--cache", type=Path, help="folder that keeps rasters; a temporary one by default")
    parser.add_argument("--gpu", action="store_true", help="what gpu.py measures instead")
    parser.add_argument("--device", default="cuda", help="with --gpu: cuda, or cpu to try it")
    parser.add_argument("--out", type=Path, help="benchmarks/results/engine.json or engine-gpu.json by default")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        task = Task(**json.loads(arguments.one))
        machine.goes_first()
        print(json.dumps(RUNS.get(task.what, run_contestant)(task)))
        return
    changes = {name: value for name in asdict(QUICK) if (value := getattr(arguments, name, None)) is not None}
    plan = replace(QUICK if arguments.quick else Plan(), **changes)
    with _cache(arguments.cache) as cache:
        if arguments.gpu:
            import gpu

            raster = cache.raster(arguments.side or gpu.SIDE, plan.compression)
            out = arguments.out or HERE / "results" / "engine-gpu.json"
            gpu.bench(raster, cache.weights, arguments.device, cache.variables, cache.folder, out)
        else:
            bench(plan, arguments.only, arguments.demo, cache, arguments.out or HERE / "results" / "engine.json")


if __name__ == "__main__":
    main()
