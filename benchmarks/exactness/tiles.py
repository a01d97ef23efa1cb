"""How much a map of fractures changes with the size and the place of tiles, and at coarser scales.

    make bench-tiles [BENCH=FOLDER]

The western scene of the fracture demo, mapped with tiles of other sizes, and cut so that tiles begin elsewhere: the
share of pixels in which the binary masks differ. Then both scenes at two and four times the pixel size, by the same
network: the figures against the truth, side by side. Prints tables and writes benchmarks/results/tiles.json.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
import yaml
from rasterio.windows import Window

from orbitile.base.files import write_json

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demo" / "fractures"
SIZES = {"512/128": (512, 128), "384/96": (384, 96), "640/160": (640, 160)}
"""Side and overlap of tiles in pixels; the first is the demo's."""
OFFSETS = (201,)
"""Columns and rows cut off, so that tiles begin elsewhere."""
BORDER_PX = 128
"""What is so close to the border of a cut scene sees less than before, and is not compared."""
FACTORS = (1, 2, 4)


def mapped(folder: Path, name: str, scenes: dict[str, Path], **changes: object) -> Path:
    """Run the workflow with the demo's settings but for some; its folder of results."""
    settings = yaml.safe_load((DEMO / "fractures.yaml").read_text())
    table = folder / f"{name}.csv"
    table.write_text("scene,path\n" + "".join(f"{scene},{path}\n" for scene, path in scenes.items()))
    settings["model"]["weights"] = str(ROOT / settings["model"]["weights"])
    settings["evaluation"]["truth"] = str(ROOT / settings["evaluation"]["truth"])
    settings |= dict(run=name, scenes=str(table)) | changes
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(settings))
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder),
        "--profile", str(ROOT / "profiles" / "local"), "--configfile", str(folder / f"{name}.yaml"), "--quiet", "all",
    ]  # fmt: skip
    subprocess.run(command, check=True)
    return folder / "results" / name


def mask(results: Path) -> np.ndarray:
    """The binary mask of a run of one scene."""
    (path,) = (results / "probability").glob("*/*.tif")
    threshold = json.loads((results / "evaluation" / "metrics.json").read_text())["threshold"]
    with rasterio.open(path) as source:
        return source.read(1) >= np.ceil(threshold * 255)


def differences(mask: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """How much two masks differ."""
    differ, either = np.count_nonzero(mask != reference), np.count_nonzero(mask | reference)
    return dict(
        differing_percent=100 * differ / mask.size, differing_of_positive_percent=100 * differ / np.count_nonzero(mask),
        iou=1 - differ / either,
    )  # fmt: skip


def compare_tiles(folder: Path) -> list[dict]:
    """Masks with other tiles beside that of the demo's."""
    scene, rows, masks = {"west": DEMO / "fractured_B_west.tif"}, [], {}
    for name, (tile, overlap) in SIZES.items():
        scales = [dict(gsd_m=118.45, tile_px=tile, overlap_px=overlap)]
        masks[name] = mask(mapped(folder, f"tiles{tile}-{overlap}", scene, scales=scales))
    base = next(iter(masks.values()))
    rows += [dict(tiles=name) | differences(base, mask_of_tiles) for name, mask_of_tiles in list(masks.items())[1:]]
    for offset in OFFSETS:
        path = folder / f"west{offset}.tif"
        _cut(scene["west"], path, offset)
        moved = mask(mapped(folder, f"moved{offset}", {"west": path}))
        inner = np.s_[BORDER_PX:, BORDER_PX:]
        shifted = base[offset:, offset:]
        rows.append(dict(tiles=f"512/128, {offset} px further") | differences(shifted[inner], moved[inner]))
    return rows


def _cut(source_path: Path, path: Path, offset: int) -> None:
    with rasterio.open(source_path) as source:
        window = Window(offset, offset, source.width - offset, source.height - offset)
        profile = source.profile | dict(
            width=window.width, height=window.height, transform=source.window_transform(window)
        )
        with rasterio.open(path, "w", **profile) as sink:
            sink.write(source.read(window=window))


def compare_scales(folder: Path) -> list[dict]:
    """Figures of the same network at coarser scales, each by one setting."""
    scenes, rows = {name: DEMO / f"fractured_B_{name}.tif" for name in ("west", "east")}, []
    for factor in FACTORS:
        scales = [dict(gsd_m=118.45 * factor, tile_px=512, overlap_px=128)]
        results = mapped(folder, f"scale{factor}", scenes, scales=scales)
        (judged,) = json.loads((results / "evaluation" / "metrics.json").read_text())["by_scale"]
        pixels, lines = judged["pixels"]["fracture"]["pooled"], judged["lines"]
        rows.append(
            dict(gsd_m=118.45 * factor, polygons=len(pd.read_parquet(results / "map" / "polygons.parquet")))
            | {f"pixels_{name}": pixels[name] for name in ("precision", "recall", "f1", "iou")}
            | {f"lines_{name}": lines[name] for name in ("precision", "recall", "f1")}
        )
    return rows


def main() -> None:
    """Compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="for scenes and results; a temporary one by default")
    results = parser.parse_args().folder
    with nullcontext(results) if results else tempfile.TemporaryDirectory(prefix="bench-tiles-") as name:
        folder = Path(name).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        record = dict(tiles=compare_tiles(folder), scales=compare_scales(folder))
    for rows in record.values():
        print(pd.DataFrame(rows).round(4).to_string(index=False), "\n")
    write_json(ROOT / "benchmarks" / "results" / "tiles.json", record)


if __name__ == "__main__":
    main()
