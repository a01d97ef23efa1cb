"""From images to a vector file of craters: the whole workflow beside what one would use otherwise.

    make bench-files [BENCH="--side 20000 --repeats 1"]

The demo's nine scenes, and a made-up one with the scale of CTX (laptop.py). All take the same network, tiles, least
score and IoU of suppression, at one scale, and write boxes on the map into a GeoPackage. What counts is a process as a
whole, from its start to its file; Orbitile's is Snakemake with all its jobs, after which all its other files are there,
too. The network is a pass of it over eight tiles, on one core, times the tiles. Prints a table in Markdown and writes
benchmarks/results/files-to-vector.json.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import contestants
import geopandas as gpd
import laptop
import machine
import pandas as pd
import rasterio
import shapely

from orbitile.base.files import sha256, write_json
from orbitile.settings import check_settings

HERE = Path(__file__).parent
ROOT = HERE.parent
OURS = "Orbitile"
NAMES = (OURS, *contestants.JOINED)
PACKAGES = ["torch", "ultralytics-opencv-headless", "sahi", "deepforest", "snakemake", "geopandas"]


@dataclass(frozen=True)
class Imagery:
    """Scenes to search, with a network of the project."""

    name: str
    body: str
    model: str
    gsd_m: float
    rasters: tuple[str, ...]

    @property
    def weights(self) -> Path:
        """The network's weights."""
        return ROOT / "models" / f"{self.model}.safetensors"

    def settings(self, folder: Path) -> dict:
        """Settings of a run with what the contestants have: a scale, its tiles, and pixels as they are."""
        table, scenes = folder / "scenes.csv", [Path(path).stem for path in self.rasters]
        pd.DataFrame(dict(scene=scenes, path=self.rasters)).to_csv(table, index=False)
        tile, overlap = contestants.TILE.tile_px, contestants.TILE.overlap_px
        return dict(
            run="files", body=self.body, scenes=str(table), stretch_values=[0, 255],
            scales=[dict(gsd_m=self.gsd_m, tile_px=tile, overlap_px=overlap)],
            model=dict(weights=str(self.weights), sha256=sha256(self.weights), score_threshold=contestants.LEAST_SCORE),
            suppression=dict(score_threshold=contestants.LEAST_SCORE, iou_threshold=contestants.OVER_ALL_IOU),
        )  # fmt: skip


def demo_imagery() -> Imagery:
    """The demo's."""
    rasters = sorted(map(str, (ROOT / "demo" / "scenes").glob("*.tif")))
    return Imagery("demo", "Moon", "moon-relief-474m", 474, tuple(rasters))


def large_imagery(folder: Path, side: int) -> Imagery:
    """A made-up scene."""
    settings = laptop.scene_settings(folder, side)
    return Imagery(f"{side * side / 1e6:.0f} megapixels", "Mars", settings["model"], settings["gsd_m"],
                   (str(folder / "scene.tif"),))  # fmt: skip


def write_boxes(name: str, rasters: Sequence[str], weights: str, out: str) -> None:
    """Search rasters with a contestant, and write what its suppression leaves as boxes on the map."""
    left = contestants.JOINED[name](Path(weights))([Path(path) for path in rasters]).left
    frames = []
    for number, raster in enumerate(rasters):
        boxes = left[left[:, 0] == number]
        with rasterio.open(raster) as source:
            west, north = source.transform * boxes[:, 1:3].T
            east, south = source.transform * boxes[:, 3:5].T
            columns = dict(scene=Path(raster).stem, score=boxes[:, 5])
            frames.append(gpd.GeoDataFrame(columns, geometry=shapely.box(west, south, east, north), crs=source.crs))
    pd.concat(frames).to_file(out, layer="craters")


def command(name: str, imagery: Imagery, folder: Path) -> tuple[list[str], Path]:
    """The command of a contestant, and the vector file that it writes into an empty folder."""
    if name != OURS:
        weights, out = Path(shutil.copy(imagery.weights, folder)), folder / "craters.gpkg"
        return [sys.executable, __file__, "--contestant", name, str(weights), str(out), *imagery.rasters], out
    words = machine.workflow_command(folder, imagery.settings(folder), ["all"])
    return words, folder / "results" / "files" / "catalogue" / "craters.gpkg"


def bench(imagery: Imagery, names: Sequence[str], repeats: int) -> Iterator[dict]:
    """Figures of the contestants, in turns; of each the fastest run."""
    runs: dict[str, list[dict]] = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            with tempfile.TemporaryDirectory(prefix="bench-files-") as folder:
                words, out = command(name, imagery, Path(folder))
                wall_s, cpu_s = laptop.timed(words)
                runs[name].append(dict(wall_s=wall_s, cpu_s=cpu_s, boxes=len(gpd.read_file(out, layer="craters"))))
    for name, records in runs.items():
        yield dict(imagery=imagery.name, contestant=name) | min(records, key=lambda record: record["wall_s"])


def network_cpu_s(imagery: Imagery) -> float:
    """CPU seconds of the network for all tiles."""
    with tempfile.TemporaryDirectory() as folder:
        settings = check_settings(imagery.settings(Path(folder)), ["settings.yaml"])
    return laptop.network_cpu_s(settings) * len(contestants.places_of([Path(path) for path in imagery.rasters]).windows)


def row(record: dict, ours: dict) -> list[str]:
    """A line of the table."""
    wall_s, cpu_s = (f"{record[name]:.0f} s, {record[name] / ours[name]:.1f} x" for name in ("wall_s", "cpu_s"))
    of_network = f"{record['cpu_s'] / record['network_cpu_s']:.2f} x"
    return [record["imagery"], record["contestant"], wall_s, cpu_s, of_network, f"{record['boxes']:,}"]


def main() -> None:
    """Measure them one after another, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=20_000, help="of the made-up scene in pixels; 0: leave it out")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--names", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--out", type=Path, default=HERE / "results" / "files-to-vector.json")
    parser.add_argument("--contestant", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contestant:
        name, weights, out, *rasters = arguments.contestant
        write_boxes(name, rasters, weights, out)
        return
    records: list[dict] = []
    about = dict(hardware=machine.hardware(), versions=machine.versions(PACKAGES))
    with tempfile.TemporaryDirectory(prefix="bench-files-") as folder:
        large = [large_imagery(Path(folder), arguments.side)] if arguments.side else []
        for imagery in [demo_imagery(), *large]:
            of_network = dict(network_cpu_s=network_cpu_s(imagery))
            of_imagery = [record | of_network for record in bench(imagery, arguments.names, arguments.repeats)]
            records += of_imagery
            write_json(arguments.out, dict(about=about, records=records))
            heads = ["", "", "time", "CPU time", "beside the network's", "boxes"]
            print(machine.markdown(heads, [row(record, of_imagery[0]) for record in of_imagery]) + "\n", flush=True)


if __name__ == "__main__":
    main()
