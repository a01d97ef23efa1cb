"""What non-max suppression costs: ours on the plane and on the sphere, beside what else one could use.

    .venv/bin/python benchmarks/suppression.py [--largest] [--limit SECONDS] [--sizes 1e4 1e5 ...] [--out FILE]

Every contestant and size runs in a process of its own, on the same made-up fields (fields.py), after a first call on
a tiny one that pays for compiling. The first size only serves to predict: who would need more than the time limit or
the memory there is for the next size is left out of it, with the reason. Prints a table in Markdown and writes
benchmarks/results/suppression.json, again after every run.
"""

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
# Packages that only this script needs; last, so that the main environment's own come first.
sys.path.append(str(HERE / ".peers"))

import fields  # noqa: E402
import machine  # noqa: E402

from orbitile.base.files import write_json  # noqa: E402

THRESHOLD = 0.4
SIZES = [1e4, 1e5, 1e6, 1e7]
LARGEST = 1e8
TINY = 5000
OURS = "Orbitile, plane"
# Short calls are repeated, and the best counts.
REPEATS, REPEATED_S = 5, 1.0
MAKERS = {"plane": fields.plane, "moon": fields.moon}
PACKAGES = ["numpy", "numba", "scipy", "shapely", "torch", "torchvision", "sahi", "lsnms"]

Call = Callable[[], np.ndarray]


def ours_on_plane(corners: np.ndarray, scores: np.ndarray) -> Call:
    """Orbitile on corners in the plane."""
    from orbitile.detections.nms.boxes import PlaneBoxes
    from orbitile.detections.nms.greedy import plane_nms

    return lambda: plane_nms(PlaneBoxes(corners), scores, THRESHOLD).alive


def ours_on_sphere(shape: str) -> Callable[..., Call]:
    """Orbitile on the sphere, overlap of boxes or of circles."""

    def prepare(lon: np.ndarray, lat: np.ndarray, width: np.ndarray, height: np.ndarray, scores: np.ndarray) -> Call:
        from orbitile.detections.nms.boxes import GroundBoxes
        from orbitile.detections.nms.greedy import plane_nms

        return lambda: plane_nms(GroundBoxes(lon, lat, width, height), scores, THRESHOLD, shape=shape).alive

    return prepare


def sahi(corners: np.ndarray, scores: np.ndarray) -> Call:
    """SAHI, its default on a machine without a GPU, on the float32 rows that it makes of its own predictions."""
    from sahi.postprocess.backends import set_postprocess_backend
    from sahi.postprocess.combine import nms

    set_postprocess_backend("numba")
    rows = np.column_stack([corners, scores, np.zeros_like(scores)])
    return lambda: np.array(nms(rows, match_metric="IOU", match_threshold=THRESHOLD))


def torchvision(corners: np.ndarray, scores: np.ndarray) -> Call:
    """Torchvision on the CPU: every survivor against all boxes below it."""
    import torch
    from torchvision.ops import nms

    boxes, values = torch.from_numpy(corners), torch.from_numpy(scores)
    return lambda: nms(boxes, values, THRESHOLD).numpy()


def shapely(corners: np.ndarray, scores: np.ndarray) -> Call:
    """A search tree of Shapely, as one would write it with care: pairs and IoU in blocks, then one pass over them."""
    return lambda: _shapely(corners.astype(float), scores)


def lsnms(corners: np.ndarray, scores: np.ndarray) -> Call:
    """The package lsnms with its default back end, an R-tree in Rust.

    It leaves open which of two equal scores comes first, so it is given scores by rank, which are all different.
    """
    from lsnms import nms

    ranked = np.empty(len(scores))
    ranked[np.argsort(-scores, kind="stable")] = np.linspace(1, 0, len(scores), endpoint=False)
    return lambda: nms(corners, ranked, iou_threshold=THRESHOLD)


def _shapely(corners: np.ndarray, scores: np.ndarray, block: int = 200_000) -> np.ndarray:
    import shapely

    order = np.argsort(-scores, kind="stable")
    corners = corners[order]
    boxes = shapely.box(*corners.T)
    tree = shapely.STRtree(boxes)
    area = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    alive = np.ones(len(boxes), bool)
    for start in range(0, len(boxes), block):
        # Best boxes first, and only those that no better block has suppressed.
        asking = start + np.flatnonzero(alive[start : start + block])
        strong, weak = tree.query(boxes[asking])
        strong = asking[strong]
        strong, weak = strong[strong < weak], weak[strong < weak]
        low = np.maximum(corners[strong, :2], corners[weak, :2])
        high = np.minimum(corners[strong, 2:], corners[weak, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        above = shared > THRESHOLD * (area[strong] + area[weak] - shared)
        strong, weak = strong[above], weak[above]
        turn = np.argsort(strong, kind="stable")
        for better, worse in zip(strong[turn].tolist(), weak[turn].tolist(), strict=True):
            if alive[better]:
                alive[worse] = False
    return order[alive]


@dataclass(frozen=True)
class Contestant:
    """Where its boxes lie, and what takes a field's arrays and returns the call to be timed."""

    surface: str
    prepare: Callable[..., Call]


CONTESTANTS = {
    OURS: Contestant("plane", ours_on_plane),
    "Orbitile, sphere": Contestant("moon", ours_on_sphere("box")),
    "Orbitile, sphere, circles": Contestant("moon", ours_on_sphere("circle")),
    "lsnms": Contestant("plane", lsnms),
    "SAHI": Contestant("plane", sahi),
    "Shapely STRtree": Contestant("plane", shapely),
    "torchvision": Contestant("plane", torchvision),
}
PEERS = [name for name in CONTESTANTS if not name.startswith("Orbitile")]


def run_one(name: str, count: int, folder: Path, limit: float) -> dict:
    """Time one contestant in this process: a first call on a tiny field, then the field in the folder."""
    contestant = CONTESTANTS[name]
    machine.goes_first()
    first = contestant.prepare(**next(MAKERS[contestant.surface](TINY)))
    start = time.perf_counter()
    first()
    first_call = time.perf_counter() - start
    call = contestant.prepare(**fields.read(folder / contestant.surface))
    answer, best = machine.best_of(call, limit, REPEATS, REPEATED_S)
    alive = _as_mask(answer, count)
    np.save(folder / f"{name}.npy", alive)
    del best["total_mb"]
    return best | dict(first_call_seconds=round(first_call, 3), survivors=int(alive.sum()))


def _as_mask(answer: np.ndarray, count: int) -> np.ndarray:
    """Survivors (bool) from such a mask or from their indices."""
    if answer.dtype == bool:
        return answer
    alive = np.zeros(count, bool)
    alive[answer.astype(np.int64)] = True
    return alive


def measure(name: str, count: int, folder: Path, limit: float) -> dict:
    """Run a contestant in a process of its own; what it found out, or why it did not."""
    words = [__file__, "--one", name, "--folder", folder, "--sizes", count, "--limit", limit]
    # Compiled code is kept for this whole run, but never from an earlier one: somebody pays for it first.
    return machine.in_own_process(words, {"NUMBA_CACHE_DIR": str(folder.parent / "numba")}, limit)


def why_not(name: str, count: int, records: list[dict], limit: float) -> str | None:
    """The reason to leave a size out, judged by the contestant's smaller ones."""
    past = [record for record in records if record["contestant"] == name]
    if not past:
        return None
    if past[-1]["seconds"] is None:
        return f"left out already with {past[-1]['boxes']:.0e} boxes"
    last = past[-1]
    exponent = min(max(growth(past[-2:]) or 1, 1), 2)
    factor = count / last["boxes"]
    seconds, gigabytes = last["seconds"] * factor**exponent, last["peak_mb"] * factor / 1e3
    if seconds > limit:
        return f"would take about {seconds:,.0f} s, more than {limit:g} s"
    if gigabytes > machine.available_gb():
        return f"would need about {gigabytes:.0f} GB, more than there is"
    return None


def growth(records: list[dict]) -> float | None:
    """By which power of the number of boxes the time grows from the first to the last of a contestant's records."""
    done = [record for record in records if record["seconds"] is not None]
    if len(done) < 2:
        return None
    first, last = done[0], done[-1]
    return math.log(last["seconds"] / first["seconds"]) / math.log(last["boxes"] / first["boxes"])


def compare(record: dict, folder: Path) -> None:
    """Say whether another program, which works on the plane, kept the same boxes as we did."""
    ours = folder / f"{OURS}.npy"
    if record["contestant"] in PEERS and record["seconds"] is not None and ours.is_file():
        record["differences"] = int((np.load(ours) != np.load(folder / f"{record['contestant']}.npy")).sum())
        record["agrees"] = record["differences"] == 0


def table(records: list[dict], sizes: list[int], exponents: dict[str, float | None]) -> str:
    """A row per contestant: time, memory and how many times ours on the plane, for each size."""
    by_case = {(record["contestant"], record["boxes"]): record for record in records}
    heads = ["", *(f"{size:,} boxes" for size in sizes), "grows as n^"]
    rows = []
    for name in CONTESTANTS:
        cells = [_cell(by_case.get((name, size), {}), by_case.get((OURS, size), {})) for size in sizes]
        power = exponents[name]
        rows.append([name, *cells, "-" if power is None else f"{power:.2f}"])
    return machine.markdown(heads, rows)


def _cell(record: dict, ours: dict) -> str:
    if record.get("seconds") is None:
        return record.get("reason", "-")
    text = f"{record['seconds']:.3g} s, {record['peak_mb']:.0f} MB"
    if record is not ours and ours.get("seconds"):
        text += f", {record['seconds'] / ours['seconds']:.2g} x"
    return text + (f", {record['differences']} differ" if record.get("differences") else "")


def bench(sizes: list[int], largest: bool, limit: float, out: Path) -> None:
    """Measure everything, smallest fields first, and keep what is known so far in the file."""
    records: list[dict] = []
    versions = machine.versions(PACKAGES)
    about = dict(
        hardware=machine.hardware(), versions=versions, threshold=THRESHOLD, limit_seconds=limit, seed=fields.SEED
    )
    sizes = [*sizes, int(LARGEST)] if largest else sizes
    with tempfile.TemporaryDirectory(prefix="suppression-") as temporary:
        for size in sizes:
            folder = Path(temporary) / str(size)
            for surface, make in MAKERS.items():
                fields.write(make(size), size, folder / surface)
            for name in CONTESTANTS:
                if size == LARGEST and name in PEERS:
                    continue
                reason = why_not(name, size, records, limit)
                result = dict(seconds=None, reason=reason) if reason else measure(name, size, folder, limit)
                records.append(dict(contestant=name, surface=CONTESTANTS[name].surface, boxes=size) | result)
                compare(records[-1], folder)
                print(f"{size:,} {name}: {_cell(records[-1], {})}", file=sys.stderr, flush=True)
                exponents = {contestant: growth([record for record in records if record["contestant"] == contestant
                                          and record["boxes"] > sizes[0]]) for contestant in CONTESTANTS}  # fmt: skip
                write_json(out, about | dict(growth=exponents, records=records))
            shutil.rmtree(folder)
    print(table(records, sizes, exponents))
    if machine.has_failed(records):
        sys.exit("Not all of them worked.")


def main() -> None:
    """Read the command line; with --one, be the process that a single measurement runs in."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=lambda text: int(float(text)), nargs="+", default=[int(size) for size in SIZES])
    parser.add_argument("--largest", action="store_true", help="also 10^8 boxes, Orbitile only")
    parser.add_argument("--limit", type=float, default=600, help="seconds for one call")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "suppression.json")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(run_one(arguments.one, arguments.sizes[0], arguments.folder, arguments.limit)))
    else:
        bench(sorted(arguments.sizes), arguments.largest, arguments.limit, arguments.out)


if __name__ == "__main__":
    main()
