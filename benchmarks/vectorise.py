"""What polygons and centre lines of masks cost: Orbitile beside GDAL's polygonizer as rasterio calls it.

    make bench-vectorise [BENCH="--side 5000" | BENCH=--quick]

On made-up masks of fractures (fractures.py), each contestant and size in a process of its own, after a first call on a
small mask that pays for compiling. All must find the same polygons. Orbitile's time holds what rasterio's does not: it
reads the mask in blocks, joins their pieces, and joins polygons that meet at a corner to features. Prints a table
in Markdown and writes benchmarks/results/vectorise.json; not with --quick, which only shows whether it works.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import fractures
import machine
import numpy as np
import rasterio.features
import shapely

from orbitile.base.files import write_json
from orbitile.features.shapes.polygons import PieceLayers, mask_pieces
from orbitile.features.shapes.skeleton import join_lines, mask_chains, smooth_lines
from orbitile.space.grids import Window

HERE = Path(__file__).parent
SIDE, QUICK_SIDE = 10_000, 2000
FIRST_SIDE = 500
REPEATS = 3
POLYGONS, LINES, PEER = "Orbitile, polygons", "Orbitile, centre lines", "rasterio.features.shapes"
PACKAGES = ["numpy", "numba", "scipy", "shapely", "rasterio"]

Shapes = np.ndarray


def polygons(mask: np.ndarray) -> Shapes:
    """Features of a mask that is read in blocks."""
    everything = Window(0, 0, mask.shape[1], mask.shape[0])
    features, _ = mask_pieces(lambda window: PieceLayers(mask[window.slices_within(everything)]), everything).features()
    return features


def lines(mask: np.ndarray) -> Shapes:
    """Smooth centre lines of a mask that is read in blocks."""
    everything = Window(0, 0, mask.shape[1], mask.shape[0])

    def read(window: Window) -> np.ndarray:
        block = np.zeros((window.height, window.width), bool)
        shared = window.intersection(everything)
        block[shared.slices_within(window)] = mask[shared.slices_within(everything)]
        return block

    return smooth_lines(join_lines(mask_chains(read, everything)))


def shapes(mask: np.ndarray) -> Shapes:
    """Polygons of the whole mask by GDAL, made Shapely's."""
    traced = rasterio.features.shapes(mask.view(np.uint8), mask=mask, connectivity=4)
    return np.array([shapely.geometry.shape(polygon) for polygon, _ in traced], object)


CONTESTANTS: dict[str, Callable[[np.ndarray], Shapes]] = {POLYGONS: polygons, PEER: shapes, LINES: lines}


def run_one(name: str, folder: Path) -> machine.Record:
    """Time one contestant in this process on the mask in the folder, and keep what it found."""
    CONTESTANTS[name](fractures.mask(FIRST_SIDE))
    mask = np.load(folder / "mask.npy")
    traced, best = machine.best_of(lambda: CONTESTANTS[name](mask), limit=0, most=REPEATS, enough=60)
    if name != LINES:
        np.save(folder / f"{name}.npy", canonical(traced))
    return best | dict(shapes=len(traced), vertices=int(shapely.get_num_coordinates(traced).sum()))


def canonical(traced: Shapes) -> np.ndarray:
    """Polygons in normal form and order, as WKB in hexadecimal."""
    parts = shapely.normalize(shapely.get_parts(traced))
    return np.sort(shapely.to_wkb(parts, hex=True).astype(object))


def compared(folder: Path) -> machine.Record:
    """Whether the contestants found the same polygons."""
    ours, theirs = (shapely.from_wkb(np.load(folder / f"{name}.npy", allow_pickle=True)) for name in (POLYGONS, PEER))
    same_number = len(ours) == len(theirs)
    return dict(
        polygons=[len(ours), len(theirs)],
        area_px=[shapely.area(polygons).sum() for polygons in (ours, theirs)],
        unequal=int((~shapely.equals_exact(ours, theirs)).sum()) if same_number else None,
        agrees=bool(same_number and shapely.equals_exact(ours, theirs).all()),
    )


def measure(side: int, names: list[str], folder: Path) -> list[machine.Record]:
    """Run contestants on a mask of a size, each in a process of its own."""
    mask = fractures.mask(side)
    np.save(folder / "mask.npy", mask)
    variables = {"NUMBA_CACHE_DIR": str(folder / "numba")}
    records = []
    for name in names:
        record = machine.in_own_process([__file__, "--one", name, "--folder", folder], variables, limit=0)
        records.append(dict(contestant=name, side=side, share=round(float(mask.mean()), 4)) | record)
        print(time.strftime("%H:%M:%S"), json.dumps(records[-1]), file=sys.stderr, flush=True)
    return records


def table(records: list[machine.Record], sides: list[int]) -> str:
    """A row per contestant: seconds, peak memory, shapes."""
    by_case = {(record["contestant"], record["side"]): record for record in records}
    rows = [[name, *(_cell(by_case.get((name, side))) for side in sides)] for name in CONTESTANTS]
    return machine.markdown(["", *(f"{side:,} px" for side in sides)], rows)


def _cell(record: machine.Record | None) -> str:
    if record is None:
        return "-"
    if record["seconds"] is None:
        return record["reason"]
    return f"{record['seconds']:.2f} s, {record['peak_mb']:,.0f} MB, {record['shapes']:,}"


def bench(side: int, out: Path | None) -> bool:
    """Measure ours from a quarter of the side to twice of it, and all at the side; tell whether all went well."""
    sides = [side // 4, side // 2, side, 2 * side]
    records: list[machine.Record] = []
    with tempfile.TemporaryDirectory(prefix="bench-vectorise-") as temporary:
        for mask_side in sides:
            names = list(CONTESTANTS) if mask_side == side else [POLYGONS, LINES]
            records += measure(mask_side, names, Path(temporary))
            if mask_side == side and not machine.has_failed(records):
                same = compared(Path(temporary))
    failed = machine.has_failed(records)
    about = dict(hardware=machine.hardware(), versions=machine.versions(PACKAGES), gdal=rasterio.__gdal_version__)
    result = about | dict(seed=fractures.SEED, repeats=REPEATS, same=None if failed else same, results=records)
    if out:
        write_json(out, result)
    print(table(records, sides), json.dumps(result["same"]), sep="\n\n")
    return not failed and same["agrees"]


def main() -> int:
    """Measure everything, or one contestant in this process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=SIDE, help="side of the mask that all contestants get, in pixels")
    parser.add_argument("--quick", action="store_true", help=f"a side of {QUICK_SIDE} px, and nothing is written")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "vectorise.json")
    parser.add_argument("--one", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run_one(options.one, options.folder)))
        return 0
    side, out = (QUICK_SIDE, None) if options.quick else (options.side, options.out)
    return 0 if bench(side, out) else 1


if __name__ == "__main__":
    sys.exit(main())
