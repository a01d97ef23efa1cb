"""Completeness by injected craters: real ones, pasted elsewhere at other sizes, are searched as if they had been there.

    .venv/bin/python models/inject.py DATA NETWORK [--set moon] [--craters-per-scene 60]

For images with a map and a list of their craters. Patches of craters that no other one overlaps are made larger or
smaller, laid on ground without any, and blended at their edges; brightness is that of the ground, light stays as it is.
Prints their recall by diameter, beside that of the real craters and the completeness that the weights state.
"""

import argparse
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from compared_networks import ROOT, Network
from held_out_runs import HeldOut, Run
from image_changes import Image
from scipy.ndimage import zoom

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_text
from orbitile.calibration.completeness import Completeness
from orbitile.calibration.network_calibration import read_calibration
from orbitile.inference.models.zoo_card import markdown_table
from orbitile.settings import check_settings
from orbitile.space.bodies import find_body
from orbitile.space.ground import Ground
from orbitile.tables.craters import CraterTable, PixelPlaces, read_craters_of_run

SIZES_PX = (10.55, 60.0)
"""Diameters that are injected, evenly by their logarithm."""
ZOOMS = (0.6, 1.6)
"""Of the diameters of real craters."""
BLENDED = (1.2, 1.6)
"""Radii of a crater at which the patch begins to fade, and is gone."""
CLEARANCE = 0.75
"""Distance of two craters' centres from which on they do not touch, as a share of the sum of their diameters."""
TRIES = 200


class Placed(NamedTuple):
    """Craters in pixels of an image (n each)."""

    col: np.ndarray
    row: np.ndarray
    diameter: np.ndarray

    def is_clear(self, col: float, row: float, diameter: float) -> bool:
        """Whether a crater would touch none of them."""
        return bool((np.hypot(self.col - col, self.row - row) > CLEARANCE * (self.diameter + diameter)).all())

    def joined(self, col: float, row: float, diameter: float) -> "Placed":
        """With one more."""
        return Placed(*(np.append(old, new) for old, new in zip(self, (col, row, diameter), strict=True)))

    def isolated(self) -> np.ndarray:
        """The indices of those that touch no other one."""
        away = np.hypot(*(np.subtract.outer(values, values) for values in (self.col, self.row)))
        reach = CLEARANCE * np.add.outer(self.diameter, self.diameter)
        np.fill_diagonal(away, np.inf)
        return np.flatnonzero((away > reach).all(axis=1))


@dataclass(frozen=True)
class Injection:
    """An image, its craters, those that can be copied (indices), and the random numbers of all that is chosen."""

    image: Image
    craters: Placed
    random: np.random.Generator

    def inject(self, count: int) -> tuple[Image, Placed]:
        """The image with so many more craters, or as many as there is room for, and these."""
        pixels, taken = self.image.pixels.astype(float), self.craters
        added = Placed(*(np.zeros(0) for _ in range(3)))
        donors = [number for number in self.craters.isolated() if self._fits(*(v[number] for v in self.craters))]
        for diameter in np.exp(self.random.uniform(*np.log(SIZES_PX), count)):
            near = [n for n in donors if ZOOMS[0] <= diameter / self.craters.diameter[n] <= ZOOMS[1]]
            place = self._place(taken, diameter)
            if near and place is not None:
                self._paste(pixels, int(self.random.choice(near)), place, diameter)
                taken, added = taken.joined(*place, diameter), added.joined(*place, diameter)
        return replace(self.image, pixels=np.clip(np.rint(pixels), 0, 255).astype(np.uint8)), added

    def _fits(self, col: float, row: float, diameter: float) -> bool:
        """Whether a patch lies on valid pixels of the image."""
        half = int(np.ceil(BLENDED[1] * diameter / 2)) + 1
        left, top, height, width = round(col) - half, round(row) - half, *self.image.pixels.shape
        if left < 0 or top < 0 or left + 2 * half + 1 > width or top + 2 * half + 1 > height:
            return False
        return bool(self.image.valid[top : top + 2 * half + 1, left : left + 2 * half + 1].all())

    def _place(self, taken: Placed, diameter: float) -> tuple[float, float] | None:
        height, width = self.image.pixels.shape
        for _ in range(TRIES):
            col, row = self.random.uniform(0, [width, height])
            if self._fits(col, row, diameter) and taken.is_clear(col, row, diameter):
                return col, row
        return None

    def _paste(self, pixels: np.ndarray, donor: int, place: tuple[float, float], diameter: float) -> None:
        """Lay a donor's patch on pixels (rows, columns), its centre on the nearest pixel."""
        col, row, size = (values[donor] for values in self.craters)
        half = int(np.ceil(BLENDED[1] * size / 2))
        source = self.image.pixels[round(row) - half : round(row) + half + 1, round(col) - half : round(col) + half + 1]
        patch = zoom(source.astype(float), diameter / size, order=1)
        area = tuple(slice(round(c) - side // 2, round(c) - side // 2 + side)
                     for c, side in zip(place[::-1], patch.shape, strict=True))  # fmt: skip
        rows, columns = np.indices(patch.shape) - (np.array(patch.shape)[:, None, None] - 1) / 2
        radius = np.hypot(rows, columns) / (diameter / 2)
        share = np.clip((BLENDED[1] - radius) / (BLENDED[1] - BLENDED[0]), 0, 1)
        ring = (radius > BLENDED[0]) & (radius < BLENDED[1])
        ground = pixels[area]
        level = np.median(ground[ring]) - np.median(patch[ring])
        pixels[area] = share * (patch + level) + (1 - share) * ground


def inject_all(held_out: HeldOut, run: Run, count: int, folder: Path) -> tuple[dict[str, Path], Path]:
    """Write the images of a set with injected craters, and a table of these; paths by scene, and that of the table."""
    radius_m = find_body(held_out.settings["body"]).radius_m
    true = read_craters_of_run(CraterTable(str(held_out.truth)), PixelPlaces.of(run.rasters, radius_m), 0)
    rows, paths = [], {}
    for number, raster in enumerate(run.rasters):
        image, ground = Image.read(raster.scene, held_out.scenes[raster.scene]), Ground(raster.crs_wkt, radius_m)
        col, row = raster.grid.to_pixel(*ground.xy(true.lon, true.lat, *raster.grid.middle))
        size = true.diameter_m / raster.grid.gsd_m
        near = (col > -size) & (row > -size) & (col < raster.width + size) & (row < raster.height + size)
        craters = Placed(col[near], row[near], size[near])
        changed, added = Injection(image, craters, np.random.default_rng(number)).inject(count)
        paths[raster.scene] = folder / f"{raster.scene}.tif"
        paths[raster.scene].parent.mkdir(parents=True, exist_ok=True)
        changed.write(paths[raster.scene])
        lon, lat = ground.lonlat(*raster.grid.to_map(added.col, added.row))
        rows.append(pd.DataFrame(dict(lon=lon, lat=lat, diameter_km=added.diameter * raster.grid.gsd_m / 1000)))
    write_text(folder / "truth.csv", pd.concat(rows).to_csv(index=False))
    return paths, folder / "truth.csv"


def table(injected: dict, real: dict, curve: Completeness | None) -> str:
    """Recall by diameter of both, with its interval, beside what the curve says of that class."""
    rows = []
    for pasted, measured in zip(injected["by_size_px"], real["by_size_px"], strict=True):
        if not pasted["n_truth"]:
            continue
        middle = np.sqrt(pasted["from"] * min(pasted["to"] or SIZES_PX[1], SIZES_PX[1]))
        stated = "" if curve is None else f"{np.interp(middle, curve.diameter_px, curve.detected):.3f}"
        cells = [
            "{recall:.3f} ({intervals[recall][0]:.3f}-{intervals[recall][1]:.3f})".format(**r)
            for r in (pasted, measured)
        ]
        rows.append([f"{pasted['from']:g}-{pasted['to'] or ''}", str(pasted["n_truth"]), *cells, stated])
    return markdown_table(["diameter (px)", "injected", "their recall", "recall of real craters", "stated"], rows)


def main() -> None:
    """Run over the images as they are and over those with injected craters; print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the data")
    parser.add_argument("network", help="weights, or a name of the zoo")
    parser.add_argument("--set", default="moon", help="of models/held_out.yaml, with a map")
    parser.add_argument("--craters-per-scene", type=int, default=60)
    parser.add_argument("--folder", type=Path, default=ROOT / "results" / "injected")
    arguments = parser.parse_args()
    (held_out,) = HeldOut.read(Path(__file__).with_name("held_out.yaml"), arguments.data, [arguments.set])
    if held_out.in_pixels:
        raise OrbitileError(f"--set {arguments.set}: its images have no map")
    folder, network = arguments.folder.resolve(), Network.parse(arguments.network)
    folder.mkdir(parents=True, exist_ok=True)
    real = Run.of(folder, held_out, network).make(held_out.scenes, held_out.truth)
    scenes, truth = inject_all(held_out, real, arguments.craters_per_scene, folder / "images")
    injected = Run.of(folder, held_out, network, "injected").make(scenes, truth)
    settings = check_settings(json.loads(json.dumps(real.settings | dict(run="r", scenes="s.csv"))), [])
    calibration = read_calibration(settings.model.weights) if settings.model else None
    curve = Completeness.fit(calibration.sample, settings.score_threshold) if calibration else None
    metrics = [json.loads((run.results / "evaluation" / "metrics.json").read_text()) for run in (injected, real)]
    print(table(*metrics, curve))


if __name__ == "__main__":
    try:
        main()
    except OrbitileError as error:
        sys.exit(str(error))
