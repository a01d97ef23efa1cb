"""What it takes to map a scene that no memory holds: time and peak memory of every stage.

    make bench-map [BENCH="--side 20000"]

The scene is made of the fracture demo's: its pixels here and there in a sparse raster of 60,000 x 60,000 px, nodata
elsewhere, one file. The whole chain runs on it with the demo's weights; memory is the largest that a job's process
held, as its record says. Prints a table and writes benchmarks/results/large-map.json, for the usual side only.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import machine
import numpy as np
import pandas as pd
import rasterio
import yaml
from affine import Affine
from rasterio.windows import Window

from orbitile.base.files import write_json

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "demo" / "fractures"
SIDE, COPY = 60_000, (3072, 1573)
COPIES = 6
"""Copies of the western scene, along the diagonal, and one in the last corner, cut by it."""
SHOWN = ["rule", "wall_s", "cpu_s", "memory_mb"]


def write_scene(path: Path, side: int) -> float:
    """Write the sparse scene; the share of it that has data."""
    with rasterio.open(DEMO / "fractured_B_west.tif") as source:
        pixels, profile = source.read(1), source.profile
    gsd = profile["transform"].a
    # The Moon is about 92,000 such pixels around: the scene lies in the middle of its map.
    transform = Affine(gsd, 0, -side / 2 * gsd, 0, -gsd, side / 2 * gsd)
    options = dict(tiled=True, blockxsize=512, blockysize=512, compress="deflate", sparse_ok=True, bigtiff="yes")
    profile |= dict(width=side, height=side, nodata=0, transform=transform) | options
    with rasterio.open(path, "w", **profile) as sink:
        for place in np.linspace(0, side - 1000, COPIES + 1).astype(int).tolist():
            height, width = min(COPY[0], side - place), min(COPY[1], side - place)
            sink.write(pixels[:height, :width], 1, window=Window(place, place, width, height))
    return COPIES * np.prod(COPY) / side**2


def run(folder: Path) -> None:
    """Map the scene in a folder."""
    settings = yaml.safe_load((DEMO / "fractures.yaml").read_text())
    (folder / "scenes.csv").write_text("scene,path\nlarge,large.tif\n")
    settings["model"]["weights"] = str(ROOT / settings["model"]["weights"])
    del settings["evaluation"]
    settings |= dict(run="large", scenes=str(folder / "scenes.csv"))
    subprocess.run(machine.workflow_command(folder, settings, ["all", "report"]), check=True)


def main() -> None:
    """Write the scene, map it, tell what that took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=SIDE, help="of the scene in pixels")
    side = parser.parse_args().side
    with tempfile.TemporaryDirectory(prefix="bench-map-") as name:
        folder = Path(name)
        share = write_scene(folder / "large.tif", side)
        run(folder)
        jobs = pd.read_csv(folder / "results" / "large" / "report" / "jobs.csv")
        proof = json.loads((folder / "results" / "large" / "map" / "polygons.json").read_text())
    stages = jobs[SHOWN].round(1).to_dict("records")
    tiles = int(jobs.loc[jobs["rule"] == "infer", "size"].iloc[0])
    figures = dict(side=side, data_share=round(share, 4), tiles=tiles, polygons=proof["rows"], lines=proof["lines"])
    print(f"{side} x {side} px, {100 * share:.1f} % of them with data, {tiles} tiles, {proof['rows']} polygons\n")
    print(pd.DataFrame(stages).to_string(index=False))
    if side == SIDE:
        packages = machine.versions(["rasterio", "torch", "numpy", "shapely"])
        record = dict(hardware=machine.hardware(), versions=packages, scene=figures, stages=stages)
        write_json(ROOT / "benchmarks" / "results" / "large-map.json", record)


if __name__ == "__main__":
    main()
