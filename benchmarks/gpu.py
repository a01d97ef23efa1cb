"""Orbitile's engine on a GPU: from GeoTIFF to boxes and masks, in several precisions, as they are and compiled.

    make bench-engine BENCH=--gpu
    make bench-engine BENCH="--gpu --device cpu --side 2000"    (to try it)

YOLO11n with the demo's weights, and DeepLabV3-ResNet50 with random ones, on tiles of 512 px. Each case has a process of
its own. Times are of the whole raster, without compiling and warming up. A part of the raster is searched again under
torch's profiler, which tells for how much of the time the device was at work and with what. Detections are compared
with those of the CPU in float32, on a part of the raster as well.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import contestants
import imagery
import machine
import numpy as np
import torch

from orbitile.base.files import write_json
from orbitile.detections.tiling import TileSize
from orbitile.inference.models.weights import save_tensors

TILE = TileSize(512, 128)
SIDE = 20_000
STREAMS = 2
"""Passes at once on a GPU, as in the stage `infer`."""
PART_ROWS = 4
"""Rows of tiles that the profiler sees, and that are compared with the CPU."""
MASK_AT = 128
"""From this probability of 0..255 on, a pixel belongs to a mask."""
TOP = 25
"""Lines of the profiler's table."""
PACKAGES = ("torch", "torchvision", "triton", "rasterio", "ultralytics-opencv-headless")
NETWORKS = ("yolo", "segmentation")
PRECISIONS = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Case:
    """One process: which family of networks, with which weights, how it computes, and where it writes what it found."""

    family: str
    precision: str
    compile: bool
    device: str
    weights: str
    raster: str
    out: str
    is_reference: bool = False

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return f"{self.family}, {self.precision}{', compiled' if self.compile else ''}, {self.device}"


class Tally:
    """Counts what is found, keeps masks of one band of rows, and of the first rows all boxes or masks."""

    def __init__(self) -> None:
        self.found = 0
        self.boxes: list[np.ndarray] = [np.empty((0, 6))]
        self.masks: dict[int, np.ndarray] = {}
        self._band: dict[int, list[np.ndarray]] = {}

    def take(self, answer: object, first: np.ndarray) -> None:
        """Take an answer of the engine in; `first` is the number of each row's first tile."""
        if answer.errors or answer.batch.unreadable:
            raise RuntimeError(f"tiles failed: {answer.errors} {answer.batch.unreadable}")
        rows, places = np.array(answer.batch.row_numbers), np.array(answer.batch.positions)
        for tile_output in answer.outputs:
            numbers = first[rows[tile_output.tile]] + places[tile_output.tile]
            early = rows[tile_output.tile] < PART_ROWS
            if hasattr(tile_output, "corners"):
                self.found += len(tile_output)
                self.boxes.append(np.column_stack([numbers, tile_output.corners, tile_output.score])[early])
            else:
                self._take_masks(rows[tile_output.tile], numbers, tile_output.probability, early)

    def _take_masks(self, rows: np.ndarray, numbers: np.ndarray, probability: np.ndarray, early: np.ndarray) -> None:
        masks = probability[:, 0] >= MASK_AT
        self.found += int(masks.sum())
        self._band = {row: band for row, band in self._band.items() if row >= rows.min()}
        for row, mask in zip(rows.tolist(), masks, strict=True):
            self._band.setdefault(row, []).append(mask)
        self.masks |= {
            number: probability[place, 0].copy() for place, number in enumerate(numbers.tolist()) if early[place]
        }


def run(case: Case) -> machine.Record:
    """Search a raster with a network, once as a whole for time and once in part under the profiler."""
    from orbitile.inference.engine.batch_size import fitting_batch_size

    network = _network(case)
    is_cuda = network.device.type == "cuda"
    workers = STREAMS if is_cuda else machine.cores()
    rows = contestants.tile_rows([Path(case.raster)], TILE)
    if is_cuda:
        torch.cuda.reset_peak_memory_stats()
    size = fitting_batch_size(network, TILE.tile_px, workers)
    start = time.perf_counter()
    tally, _ = _search(network, rows[:PART_ROWS], size, workers)  # compiles, warms up
    warm_up = time.perf_counter() - start
    np.savez(case.out, boxes=np.concatenate(tally.boxes), masks=np.array([tally.masks[n] for n in sorted(tally.masks)]))
    if case.is_reference:
        return dict(seconds=round(warm_up, 3))
    (tally, meter), record = machine.measured(lambda: _search(network, rows, size, workers), limit=0)
    record |= dict(tiles=meter.tiles, found=tally.found, batch=size, streams=workers, warm_up_seconds=round(warm_up, 2),
                   tiles_per_s=round(meter.tiles / record["seconds"], 1), figures=meter.figures)  # fmt: skip
    if is_cuda:
        record |= dict(device_peak_mb=round(torch.cuda.max_memory_allocated() / 1e6, 1))
    return record | _profiled(network, rows[:PART_ROWS], size, workers)


def _network(case: Case) -> object:
    return contestants.network_of(
        Path(case.weights), family=case.family, precision=case.precision, compile=case.compile, device=case.device
    )


def _search(network: object, rows: list, size: int, workers: int) -> tuple[Tally, object]:
    """Send rows of tiles through the engine."""
    from orbitile.inference.engine.engine import Engine
    from orbitile.inference.engine.meter import Meter

    meter, tally = Meter(workers), Tally()
    first = np.cumsum([0, *(len(row.windows) for row in rows)])
    for answer in Engine(network, size, workers, meter).search(rows):
        tally.take(answer, first)
    return tally, meter


def _profiled(network: object, rows: list, size: int, workers: int) -> machine.Record:
    """Search once more under torch's profiler: share of time that the device was at work, and with what."""
    from torch.profiler import ProfilerActivity, _ExperimentalConfig, profile

    is_cuda = network.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if is_cuda else [])]
    with profile(activities=activities, experimental_config=_ExperimentalConfig(profile_all_threads=True)) as profiler:
        start = time.perf_counter()
        _, meter = _search(network, rows, size, workers)
        seconds = time.perf_counter() - start
    key = "self_cuda_time_total" if is_cuda else "self_cpu_time_total"
    table = profiler.key_averages().table(sort_by=key, row_limit=TOP, max_name_column_width=80)
    busy = _union([(event.time_range.start, event.time_range.end) for event in profiler.events()
                   if event.device_type == torch.autograd.DeviceType.CUDA]) / 1e6  # fmt: skip
    share = busy / seconds if is_cuda else meter.busy_share
    return dict(profiled_tiles=meter.tiles, profiled_seconds=round(seconds, 3), busy_share=round(share, 4), table=table)


def _union(spans: list[tuple[float, float]]) -> float:
    """How long at least one of several spans lasts: kernels of two streams run side by side."""
    total, end = 0.0, -np.inf
    for low, high in sorted(spans):
        total += max(high - max(low, end), 0)
        end = max(end, high)
    return total


def random_deeplab(path: Path) -> None:
    """Write a DeepLabV3-ResNet50 with one class and random weights, as Orbitile loads it."""
    from torchvision.models.segmentation import deeplabv3_resnet50

    if path.is_file():
        return
    torch.manual_seed(imagery.SEED)
    model = deeplabv3_resnet50(weights=None, weights_backbone=None, num_classes=1)
    about = dict(network="deeplabv3_resnet50", names={"0": "crater"}, mean=[0.485, 0.456, 0.406],
                 std=[0.229, 0.224, 0.225])  # fmt: skip
    save_tensors(path, model.state_dict(), about)


def compare(reference: Path, outcome: Path) -> machine.Record:
    """How far two cases agree: boxes one to one, or the share of pixels in the same mask and the mean difference."""
    expected, actual = np.load(reference), np.load(outcome)
    if not len(expected["masks"]):
        return dict(boxes=imagery.compare(expected["boxes"], actual["boxes"]))
    same = np.mean((expected["masks"] >= MASK_AT) == (actual["masks"] >= MASK_AT))
    apart = np.abs(expected["masks"].astype(np.int16) - actual["masks"]).mean()
    return dict(masks=dict(share=round(float(same), 6), mean_difference=round(float(apart) / 255, 6)))


def cases(device: str, raster: Path, weights: dict[str, Path], out: Path) -> Iterator[Case]:
    """The CPU in float32 for comparison, then all precisions on the device; the network as it is, and compiled."""
    for family in NETWORKS:
        start = (str(weights[family]), str(raster))
        yield Case(family, "float32", False, "cpu", *start, str(out / f"{family}-cpu.npz"), is_reference=True)
        for compiled, precision in product((False, True), PRECISIONS):
            yield Case(family, precision, compiled, device, *start, str(out / "found.npz"))


def bench(raster: Path, weights: Path, device: str, variables: dict[str, str], folder: Path, out: Path) -> None:
    """Measure all cases, and keep what is known so far in the file; the profiler's tables go beside it."""
    deeplab = folder / "deeplab.safetensors"
    random_deeplab(deeplab)
    about = dict(hardware=machine.hardware(), versions=machine.versions(PACKAGES), tile=asdict(TILE),
                 device=torch.cuda.get_device_name() if device != "cpu" else "cpu", raster=raster.name)  # fmt: skip
    records, texts = [], []
    for case in cases(device, raster, dict(yolo=weights, segmentation=deeplab), folder):
        record = machine.in_own_process([__file__, "--one", json.dumps(asdict(case))], variables, limit=0)
        if case.is_reference:
            reference = Path(case.out)
        elif record["seconds"] is not None:
            record["same"] = compare(reference, Path(case.out))
            texts.append(f"{case.name}\n\n{record.pop('table')}")
        records.append(dict(case=case.name) | record)
        print(time.strftime("%H:%M:%S"), json.dumps(records[-1]), file=sys.stderr, flush=True)
        write_json(out, about | dict(records=records))
        out.with_suffix(".txt").write_text("\n\n".join(texts))
    print(table([record for record in records if "tiles_per_s" in record]))
    if machine.has_failed(records):
        sys.exit("Not all of them worked.")


def table(records: list[machine.Record]) -> str:
    """A row per case."""
    heads = ["", "tiles/s", "device at work", "tiles in a pass", "warm-up (s)", "as on the CPU in float32"]
    rows = [[record["case"], f"{record['tiles_per_s']:,}", f"{100 * record['busy_share']:.0f} %",
             str(record["batch"]), f"{record['warm_up_seconds']:.1f}",
             ", ".join(f"{100 * figures['share']:.2f} % of {part}" for part, figures in record["same"].items())]
            for record in records]  # fmt: skip
    return machine.markdown(heads, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", required=True)
    print(json.dumps(run(Case(**json.loads(parser.parse_args().one)))))
