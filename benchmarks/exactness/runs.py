"""What the experiments on exactness share: scenes, runs of the workflow, catalogues, and figures about them."""

import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
import yaml
from affine import Affine
from scipy.spatial import cKDTree
from scipy.stats import binomtest

from orbitile.base.cores import core_count
from orbitile.base.files import write_json
from orbitile.detections.nms.boxes import GroundBoxes
from orbitile.detections.nms.find_overlaps import OverlapCriterion, find_overlaps_between
from orbitile.detections.nms.settings import NmsSettings
from orbitile.settings import Settings
from orbitile.space.bodies import find_body
from orbitile.space.ground import unit_vectors
from orbitile.tables.craters import Craters

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
MOON_M = find_body("Moon").radius_m
STRETCH = [57, 217]
"""0.5th and 99.5th percentile of the global lunar mosaic that the demo's scenes were cut from."""
PRECISION = 1e-6
"""Rows are the same when place (degrees), size (relative) and score differ by no more."""


@dataclass(frozen=True)
class Scene:
    """An image to be written: its name, pixels, place on a map, and pixels without data (None: all have some)."""

    name: str
    pixels: np.ndarray
    transform: Affine
    crs: str
    valid: np.ndarray | None = None


@dataclass(frozen=True)
class Run:
    """A run of the workflow in a folder; `changes` are the settings in which it differs from the demo."""

    folder: Path
    name: str
    changes: dict

    def table(self, stage: str) -> pd.DataFrame:
        """All rows of a stage's tables (tiles, raw, detections ...)."""
        paths = sorted((self.folder / "results" / self.name / stage).glob("*.parquet"))
        return pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)

    @property
    def rules(self) -> NmsSettings:
        """How the run suppresses."""
        return NmsSettings(**Settings.model_validate(self._settings).nms_settings, radius_m=MOON_M)

    @property
    def catalogue(self) -> pd.DataFrame:
        """The rows of the catalogue, without shapes."""
        path = self.folder / "results" / self.name / "catalogue" / "craters.parquet"
        return pd.read_parquet(path).drop(columns="geometry")

    def make(self, scenes: Path) -> pd.DataFrame:
        """Run the workflow over a scene table, as a user would; returns the catalogue."""
        settings = self.folder / f"{self.name}.yaml"
        settings.write_text(yaml.safe_dump(self._settings | dict(scenes=str(scenes)), sort_keys=False))
        target = f"results/{self.name}/catalogue/craters.json"
        words = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", self.folder,
                 "--profile", ROOT / "profiles" / "local", "--quiet", "all", "--configfile", settings,
                 "--", target]  # fmt: skip
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"run {self.name}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return self.catalogue

    @property
    def _settings(self) -> dict:
        settings = yaml.safe_load((ROOT / "demo" / "demo.yaml").read_text())
        del settings["evaluation"]
        return settings | dict(run=self.name) | self.changes


def working_folder(folder: Path | None) -> AbstractContextManager:
    """The folder for scenes and runs: the one given, or a temporary one."""
    return nullcontext(str(folder.resolve())) if folder else tempfile.TemporaryDirectory(prefix="orbitile-")


def write_scenes(scenes: Iterable[Scene], folder: Path) -> Path:
    """Write images and their scene table; returns the table's path."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images = {}
    for scene in scenes:
        images[scene.name] = folder / "images" / f"{scene.name}.tif"
        if not images[scene.name].is_file():
            _write_image(scene, images[scene.name])
    return write_table(images, folder)


def write_table(images: Mapping[str, Path], folder: Path) -> Path:
    """Write a scene table of images that there are; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [dict(scene=name, path=str(path)) for name, path in images.items()]
    pd.DataFrame(rows).to_csv(folder / "scenes.csv", index=False)
    return folder / "scenes.csv"


def _write_image(scene: Scene, path: Path) -> None:
    height, width = scene.pixels.shape
    profile = dict(driver="GTiff", width=width, height=height, count=1, dtype="uint8", crs=scene.crs,
                   transform=scene.transform, tiled=True, compress="DEFLATE")  # fmt: skip
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as sink:
        sink.write(scene.pixels, 1)
        if scene.valid is not None:
            sink.write_mask(scene.valid)


def same_rows(catalogue: pd.DataFrame, reference: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (i, j) of the same row in two tables of detections, each row at most once."""
    near = _pairs_within(catalogue, reference, 2 * np.radians(PRECISION))
    sizes, other_sizes = (table[["width_m", "height_m"]].to_numpy() for table in (catalogue, reference))
    scores, other_scores = (table["score"].to_numpy(float) for table in (catalogue, reference))
    places, other_places = (table[["lon", "lat"]].to_numpy() for table in (catalogue, reference))
    i, j = near.T
    apart = np.abs(places[i] - other_places[j])
    same = (np.minimum(apart, 360 - apart) <= PRECISION).all(axis=1)
    same &= (np.abs(sizes[i] / other_sizes[j] - 1) <= PRECISION).all(axis=1)
    same &= np.abs(scores[i] - other_scores[j]) <= PRECISION
    i, j = i[same], j[same]
    _, first = np.unique(i, return_index=True)
    i, j = i[first], j[first]
    _, first = np.unique(j, return_index=True)
    return i[first], j[first]


def _pairs_within(first: pd.DataFrame, second: pd.DataFrame, angle: float) -> np.ndarray:
    trees = [cKDTree(unit_vectors(table["lon"].to_numpy(), table["lat"].to_numpy())) for table in (first, second)]
    neighbours = trees[0].query_ball_tree(trees[1], angle)
    return np.array([(i, j) for i, indices in enumerate(neighbours) for j in indices], int).reshape(-1, 2)


def overlaps(first: pd.DataFrame, second: pd.DataFrame, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs (i, j, IoU) of detections of two tables with an IoU above a threshold."""
    boxes = [GroundBoxes.of(table, MOON_M) for table in (first, second)]
    return find_overlaps_between(*boxes, OverlapCriterion(threshold))


def pairs_inside(table: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Pairs of rows of one table with an IoU above a threshold: their numbers `one` < `other`, and `iou`."""
    i, j, iou = overlaps(table, table, threshold)
    once = i < j
    return pd.DataFrame(dict(one=i[once], other=j[once], iou=iou[once]))


def craters_of(table: pd.DataFrame) -> Craters:
    """The craters of a table with lon, lat and diameter_km."""
    lon, lat, diameter = (table[name].to_numpy(float) for name in ("lon", "lat", "diameter_km"))
    return Craters(lon, lat, diameter * 1000)


def share(hits: int, count: int) -> dict:
    """A share with its 95 % confidence interval (Wilson), and the counts behind it."""
    if not count:
        return dict(hits=0, count=0, share=None, low=None, high=None)
    interval = binomtest(int(hits), int(count)).proportion_ci(method="wilson")
    return dict(hits=int(hits), count=int(count), share=hits / count, low=interval.low, high=interval.high)


def as_percent(rate: dict) -> str:
    """A share as text: percent, interval, count."""
    if not rate["count"]:
        return "none"
    return f"{rate['share']:.1%} ({rate['low']:.1%} to {rate['high']:.1%}, n = {rate['count']})"


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def keep(name: str, figures: dict) -> None:
    """Write figures to benchmarks/results/<name>.json, with what they were measured on."""
    machine = dict(python=platform.python_version(), machine=platform.machine(), cores=core_count())
    RESULTS.mkdir(exist_ok=True)
    write_json(RESULTS / f"{name}.json", figures | dict(measured_on=machine))
