"""Mare ridges by a plain ridge filter, beside those of the network of recipes/moon_ridges, on belts that neither knew.

    python benchmarks/exactness/ridge_filter.py [results/moon_ridges_held_out/map/lines.gpkg]

Scenes and lines are those that recipes/moon_ridges/cut.py writes. All choices of the filters are made on the belts of
the training. Lines come from masks, and are compared, by the code that the workflow uses.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from affine import Affine
from scipy.ndimage import gaussian_filter, label, sum_labels
from skimage.filters import frangi, sato

from orbitile.features.metrics import LinePoints, line_metrics
from orbitile.features.shapes.ground import lengths_m
from orbitile.features.shapes.skeleton import HALO_PX, join_lines, mask_chains, smooth_lines
from orbitile.space.bodies import find_body
from orbitile.space.grids import Grid, Window
from orbitile.space.ground import Ground

FOLDER = Path(__file__).parents[2] / "recipes" / "moon_ridges" / "scenes"
MOON_M = find_body("Moon").radius_m
GSD_M = 473.8
STEP = 2
"""Pixels of 474 m along a side of those that filters and network work on."""
TOLERANCES_PX = (2, 3, 5, 10)
CHOSEN_BY_PX = 3
"""Distances in pixels of 474 m within which lines are judged, and that by which rules are chosen."""
SPUR_PX = 8
ROUGHNESS_PX = 6
FLAT = 150
CLIP = 25
"""Grey value of level ground, and how far others may be from it."""


class Scene(NamedTuple):
    """Pixels (rows, columns) of a scene, of a shaded relief or of probabilities, on its grid."""

    pixels: np.ndarray
    grid: Grid

    @property
    def pixel_m2(self) -> np.ndarray:
        """The area of the pixels of each row (rows, 1) on the ground."""
        rows = np.arange(self.grid.height) + 0.5
        _, lat = Ground(self.grid.crs_wkt, MOON_M).lonlat(*self.grid.to_map(np.full(len(rows), 0.5), rows))
        return self.grid.gsd_m**2 * np.cos(np.radians(lat))[:, None]


@dataclass(frozen=True)
class RidgeFilter:
    """Filter, sigmas in pixels, and whether it looks for bright, dark, or both kinds of lines."""

    name: str
    sigmas: tuple[float, ...]
    tone: str

    def response(self, scene: Scene) -> np.ndarray:
        """How much each pixel lies on a line; grey values are limited, or craters' rims would outshine ridges."""
        relief = level(scene)
        tones = dict(bright=(False,), dark=(True,), both=(False, True))[self.tone]
        return np.max([self._filtered(relief, is_dark) for is_dark in tones], axis=0)

    def _filtered(self, relief: np.ndarray, is_dark: bool) -> np.ndarray:
        if self.name == "sato":
            return sato(relief, self.sigmas, black_ridges=is_dark, mode="reflect")
        return frangi(relief, self.sigmas, black_ridges=is_dark, mode="reflect", gamma=5.0)


def level(scene: Scene) -> np.ndarray:
    """Grey values above that of level ground, between limits."""
    return np.clip(scene.pixels.astype(float) - FLAT, -CLIP, CLIP)


def roughness(scene: Scene) -> np.ndarray:
    """The standard deviation of grey values around each pixel."""
    relief = level(scene)
    mean, square = (gaussian_filter(values, ROUGHNESS_PX) for values in (relief, relief**2))
    return np.sqrt(np.maximum(square - mean**2, 0))


class MaskRule(NamedTuple):
    """Which pixels count, and which of their lines.

    Those among the `share` of largest responses, on ground of at most a roughness, in masks of at least an area; lines
    of at least a length.
    """

    threshold: float
    largest_roughness: float
    min_area_km2: float
    min_length_km: float


START = MaskRule(threshold=0, largest_roughness=8, min_area_km2=40, min_length_km=10)
CHOICES = dict(largest_roughness=(3, 4, 6, 8, 12), min_area_km2=(20, 40, 80, 160, 300), min_length_km=(0, 20, 40))
SHARES = (0.8, 0.88, 0.93, 0.96, 0.98)
"""Shares of the training's pixels below the thresholds that are tried."""
FILTERS = [
    RidgeFilter(name, sigmas, tone)
    for name in ("sato", "frangi")
    for sigmas in ((1.0,), (2.0,))
    for tone in ("bright", "dark", "both")
]


class Belts:
    """Scenes with what masks are made of, and their true lines."""

    def __init__(self, folder: Path, name: str) -> None:
        self.scenes = read_scenes(folder / f"{name}.csv")
        self.roughness = [roughness(scene) for scene in self.scenes]
        self.true = true_points(folder / f"{name}.gpkg")

    def responses(self, ridge_filter: RidgeFilter) -> list[np.ndarray]:
        """The responses of a filter."""
        return [ridge_filter.response(scene) for scene in self.scenes]

    def thresholds(self, responses: list[np.ndarray]) -> list[float]:
        """Thresholds to be tried: quantiles of the responses on level ground."""
        pairs = zip(responses, self.roughness, strict=True)
        level_ground = np.concatenate([values[rough <= START.largest_roughness] for values, rough in pairs])
        return np.quantile(level_ground, SHARES).tolist()

    def lines(self, responses: list[np.ndarray], rule: MaskRule) -> np.ndarray:
        """The lines, in degrees, that a rule makes of responses."""
        lines = [
            mask_lines((response >= rule.threshold) & (rough <= rule.largest_roughness), scene, rule)
            for response, rough, scene in zip(responses, self.roughness, self.scenes, strict=True)
        ]
        return np.concatenate(lines)

    def judge(self, responses: list[np.ndarray], rule: MaskRule) -> dict[str, float]:
        """The figures of these lines by which rules are chosen."""
        return judge(self.lines(responses, rule), self.true, CHOSEN_BY_PX)


class Candidate(NamedTuple):
    """A filter with a rule, and the F1 of its lines on the belts that they are chosen by."""

    f1: float
    rule: MaskRule
    ridge_filter: RidgeFilter


def best_filter(belts: Belts, name: str) -> Candidate:
    """The filter of a name whose lines have the largest F1 on belts, by threshold, then by each choice in turn."""
    starts = [_best_start(belts, ridge_filter) for ridge_filter in FILTERS if ridge_filter.name == name]
    best = max(starts, key=lambda candidate: candidate.f1)
    responses = belts.responses(best.ridge_filter)
    for key, values in (CHOICES | dict(threshold=belts.thresholds(responses))).items():
        rules = [best.rule._replace(**{key: value}) for value in values]
        others = [best._replace(f1=belts.judge(responses, rule)["f1"], rule=rule) for rule in rules]
        best = max([best, *others], key=lambda candidate: candidate.f1)
    return best


def _best_start(belts: Belts, ridge_filter: RidgeFilter) -> Candidate:
    responses = belts.responses(ridge_filter)
    rules = [START._replace(threshold=threshold) for threshold in belts.thresholds(responses)]
    candidates = [Candidate(belts.judge(responses, rule)["f1"], rule, ridge_filter) for rule in rules]
    best = max(candidates, key=lambda candidate: candidate.f1)
    print(f"training belts: F1 {best.f1:.3f}, {ridge_filter}", flush=True)
    return best


def mask_lines(mask: np.ndarray, scene: Scene, rule: MaskRule) -> np.ndarray:
    """Centre lines, in degrees, of a mask without its small parts."""
    parts, count = label(mask, np.ones((3, 3)))
    area = sum_labels(np.broadcast_to(scene.pixel_m2, mask.shape), parts, np.arange(count + 1))
    area[0] = 0
    padded = np.pad((area >= rule.min_area_km2 * 1e6)[parts] & mask, HALO_PX)

    def read(window: Window) -> np.ndarray:
        top, left = window.row + HALO_PX, window.col + HALO_PX
        block = padded[max(top, 0) : top + window.height, max(left, 0) : left + window.width]
        missing = window.height - block.shape[0], window.width - block.shape[1]
        return np.pad(block, ((0, missing[0]), (0, missing[1])))

    chains = mask_chains(read, Window(0, 0, mask.shape[1], mask.shape[0]), SPUR_PX)
    lines = shapely.force_2d(smooth_lines(join_lines(chains)))
    ground = Ground(scene.grid.crs_wkt, MOON_M)
    degrees = shapely.transform(lines, lambda p: np.column_stack(ground.lonlat(*scene.grid.to_map(*p.T))))
    return degrees[lengths_m(degrees, MOON_M) >= rule.min_length_km * 1000] if len(degrees) else degrees


def read_scenes(table: Path) -> list[Scene]:
    """The scenes of a table."""
    return [read_scene(table.parent / path) for path in pd.read_csv(table)["path"]]


def read_scene(path: Path) -> Scene:
    """A scene of one band, at the scale that the network works at."""
    with rasterio.open(path) as source:
        height, width = source.height // STEP, source.width // STEP
        means = source.read(1).astype(float).reshape(height, STEP, width, STEP).mean(axis=(1, 3))
        return Scene(means, Grid(source.crs.to_wkt(), source.transform * Affine.scale(STEP), width, height))


def read_lines(path: Path) -> np.ndarray:
    """The lines of a file in degrees."""
    return shapely.force_2d(gpd.read_file(path).geometry.to_numpy())


def true_points(path: Path) -> LinePoints:
    """The true lines of a file."""
    return LinePoints.of(read_lines(path), GSD_M / 2, MOON_M)


def judge(lines: np.ndarray, true: LinePoints, tolerance_px: float) -> dict[str, float]:
    """Precision, recall and F1 of lines by their length, within a tolerance in pixels of 474 m."""
    found = LinePoints.of(lines, GSD_M / 2, MOON_M)
    return line_metrics([found], true, tolerance_px * GSD_M, MOON_M)


def print_figures(lines: np.ndarray, folder: Path) -> None:
    """Figures of lines on the held-out belts: against the drawn ones, and against the crests beside these."""
    for truth in ("held_out", "held_out_snapped"):
        true = true_points(folder / f"{truth}.gpkg")
        for tolerance_px in TOLERANCES_PX:
            figures = judge(lines, true, tolerance_px)
            text = " ".join(f"{key} {figures[key]:.3f}" for key in ("f1", "precision", "recall", "found_km", "true_km"))
            print(f"  {truth}, within {tolerance_px} px: {text}", flush=True)


def main(folder: Path, network_lines: Path | None) -> None:
    """Print the figures of the crests beside the drawn lines, of the network, and of the best rule of each filter."""
    print("crests beside the drawn lines")
    print_figures(read_lines(folder / "held_out_snapped.gpkg"), folder)
    if network_lines:
        print("network")
        print_figures(read_lines(network_lines), folder)
    training, held_out = Belts(folder, "training"), Belts(folder, "held_out")
    for name in ("sato", "frangi"):
        best = best_filter(training, name)
        print(f"{name}: F1 {best.f1:.3f} on the training belts, {best.ridge_filter} {best.rule}", flush=True)
        print_figures(held_out.lines(held_out.responses(best.ridge_filter), best.rule), folder)


if __name__ == "__main__":
    main(FOLDER, Path(sys.argv[1]) if len(sys.argv) > 1 else None)
