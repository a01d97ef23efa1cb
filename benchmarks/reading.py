"""What reading the tiles of a raster costs: Orbitile's reader, windows read one by one, and tiles as PNG files.

    make bench-reading [BENCH="--side 3000" ...]

For rasters of several layouts, compressions and types of pixels, each written, measured and deleted again. Every way
has a process of its own and must deliver the same images. Prints a table in Markdown and writes
benchmarks/results/reading.json, again after every raster.
"""

import argparse
import json
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import contestants
import imagery
import machine
import numpy as np
import rasterio

from orbitile.base.files import write_json

HERE = Path(__file__).parent
SCENES = HERE.parent / "demo" / "scenes"
SIDE = 12_000
REPEATS = 3
LAYOUTS = {
    "striped": {},
    "tiled 256": dict(tiled=True, blockxsize=256, blockysize=256),
    "tiled 512": dict(tiled=True, blockxsize=512, blockysize=512),
}
COMPRESSIONS = ("none", "deflate", "lzw", "zstd")
OTHER_COMPRESSIONS = ("none", "deflate")
"""For other pixels than uint8."""
PACKAGES = ["numpy", "numba", "rasterio", "torch", "ultralytics-opencv-headless", "opencv-python-headless"]

Images = Iterator[np.ndarray]


@dataclass(frozen=True)
class Raster:
    """What a raster is like."""

    layout: str
    compression: str
    kind: str = "uint8"
    channels: int = 1

    @property
    def name(self) -> str:
        """What it is called in tables."""
        channels = f", {self.channels} channels" if self.channels > 1 else ""
        return f"{self.layout}, {self.compression}, {self.kind}{channels}"

    def write(self, path: Path, side: int) -> None:
        """Write it with made-up pixels."""
        packed = {} if self.compression == "none" else dict(compress=self.compression)
        if packed:
            packed |= dict(predictor=3 if self.kind == "float32" else 2)
        relief = sorted(SCENES.glob("*.tif"))
        imagery.write_raster(path, side, relief, self.kind, self.channels, **LAYOUTS[self.layout], **packed)


RASTERS = [
    *(Raster(layout, compression) for layout, compression in product(LAYOUTS, COMPRESSIONS)),
    *(Raster(layout, compression, kind) for kind, layout, compression in
      product(("uint16", "float32"), LAYOUTS, OTHER_COMPRESSIONS)),
    Raster("tiled 512", "deflate", channels=3),
]  # fmt: skip


def orbitile(path: Path, folder: Path) -> Images:
    """Orbitile's reader and its batches of 8-bit images, each used again when the next is asked for."""
    from types import SimpleNamespace

    import torch

    from orbitile.inference.engine.batches import Batcher
    from orbitile.inference.engine.engine import MAX_READERS
    from orbitile.inference.engine.meter import Meter
    from orbitile.inference.engine.tile_reader import TileReader

    with rasterio.open(path) as source:
        channels = source.count
    network = SimpleNamespace(channels=channels, reflect_padding=False, device=torch.device("cpu"))
    reader = TileReader(contestants.tile_rows([path]), channels, min(MAX_READERS, machine.cores()), Meter())
    batcher = Batcher(network, contestants.BATCH)
    for batch in batcher.batches(reader.tiles()):
        yield from batch.images.numpy()[: len(batch)]
        batcher.recycle(batch)


def windows(path: Path, folder: Path) -> Images:
    """Windows of one open dataset, row by row, made 8-bit by the same stretch."""
    with rasterio.open(path) as source:
        kind = imagery.KINDS[source.dtypes[0]]
        for window in imagery.windows(source.width, source.height, contestants.TILE):
            (top, bottom), (left, right) = window_ranges(window)
            pixels = source.read(window=((top, bottom), (left, right)))
            yield pixels if kind.scale == 1 else kind.stretch.apply(pixels, np.ones(pixels.shape, bool))


def cut(path: Path, folder: Path) -> Images:
    """Tiles read as windows and written as PNG files."""
    import cv2

    for number, image in enumerate(windows(path, folder)):
        cv2.imwrite(str(folder / f"{number:06d}.png"), image.transpose(1, 2, 0))
        yield image


def files(path: Path, folder: Path) -> Images:
    """PNG files that were written before."""
    import cv2

    for name in sorted(folder.glob("*.png")):
        image = cv2.imread(str(name), cv2.IMREAD_UNCHANGED)
        yield image[None] if image.ndim == 2 else image.transpose(2, 0, 1)


WAYS: dict[str, Callable[[Path, Path], Images]] = {
    "Orbitile": orbitile,
    "windows one by one": windows,
    "PNG files, written": cut,
    "PNG files, read": files,
}


def window_ranges(window: imagery.Window) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns of a window."""
    return (window.row, window.row + window.height), (window.col, window.col + window.width)


def run(way: str, path: Path, folder: Path) -> machine.Record:
    """Time a way to read; the sum is taken in a first pass that does not count, and compiles."""
    checksum, tiles = 0, 0
    for image in WAYS[way](path, folder):
        checksum, tiles = zlib.crc32(np.ascontiguousarray(image), checksum), tiles + 1
    _, best = machine.best_of(lambda: _exhaust(WAYS[way](path, folder)), limit=0, most=REPEATS)
    return best | dict(tiles=tiles, checksum=f"{checksum:08x}")


def _exhaust(images: Images) -> None:
    for _ in images:
        pass


def measure(raster: Raster, side: int, folder: Path, variables: dict[str, str]) -> Iterator[machine.Record]:
    """Write a raster and read it in all ways."""
    path, tiles = folder / "raster.tif", folder / "tiles"
    tiles.mkdir(exist_ok=True)
    raster.write(path, side)
    pixels = side**2 * raster.channels * np.dtype(raster.kind).itemsize
    checksum = None
    for way in WAYS:
        record = machine.in_own_process([__file__, "--one", way, "--folder", folder], variables, limit=0)
        record |= asdict(raster) | dict(raster=raster.name, way=way, file_mb=round(path.stat().st_size / 1e6, 1))
        if record["seconds"] is not None:
            record["mb_per_s"] = round(pixels / 1e6 / record["seconds"], 1)
            checksum = checksum or record["checksum"]
            record["same"] = record["checksum"] == checksum
        yield record
    for file in (path, *tiles.glob("*.png")):
        file.unlink()


def table(records: list[machine.Record]) -> str:
    """A row per raster: seconds and MB/s of its pixels in each way, and how many times as long as Orbitile."""
    rows = []
    for name in dict.fromkeys(record["raster"] for record in records):
        of_raster = [record for record in records if record["raster"] == name]
        rows.append([name, *(_cell(record, of_raster[0]) for record in of_raster)])
    return machine.markdown(["", *WAYS], rows)


def _cell(record: machine.Record, ours: machine.Record) -> str:
    if record["seconds"] is None:
        return record["reason"]
    times = f", {record['seconds'] / ours['seconds']:.1f} x" if record is not ours and ours["seconds"] else ""
    note = "" if record["same"] else ", OTHER PIXELS"
    return f"{record['seconds']:.2f} s, {record['mb_per_s']:,.0f} MB/s{times}{note}"


def bench(side: int, out: Path) -> None:
    """Measure all rasters, and keep what is known so far in the file."""
    about = dict(hardware=machine.hardware(), versions=machine.versions(PACKAGES), side=side, repeats=REPEATS,
                 tile=asdict(contestants.TILE), batch=contestants.BATCH, seed=imagery.SEED)  # fmt: skip
    records: list[machine.Record] = []
    with tempfile.TemporaryDirectory(prefix="bench-reading-") as temporary:
        for raster in RASTERS:
            variables = {"NUMBA_CACHE_DIR": str(Path(temporary) / "numba")}
            for record in measure(raster, side, Path(temporary), variables):
                records.append(record)
                print(time.strftime("%H:%M:%S"), json.dumps(record), file=sys.stderr, flush=True)
            write_json(out, about | dict(records=records))
    print(table(records))
    if machine.has_failed(records) or not all(record.get("same") for record in records):
        sys.exit("Not all of them worked, or not all read the same pixels.")


def main() -> None:
    """Read the command line; with --one, be the process that a single measurement runs in."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=SIDE, help="of the rasters, in pixels")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "reading.json")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        machine.goes_first()
        print(json.dumps(run(arguments.one, arguments.folder / "raster.tif", arguments.folder / "tiles")))
    else:
        bench(arguments.side, arguments.out)


if __name__ == "__main__":
    main()
