"""Made-up runs of the segmentation branch: one image, or its probabilities, cut into scenes, a group for each."""

import json
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import torch
from affine import Affine
from pyproj import CRS

from orbitile.features.filter import PolygonFilters
from orbitile.inference.class_decision import ARGMAX, ClassDecision
from orbitile.inference.models.network import MaskOutput, ModelChoice
from orbitile.inference.tile_rows import InferenceSettings
from orbitile.jobs.pieces import JobWork
from orbitile.rasters.write import PixelType, write_cog
from orbitile.space.bodies import find_body
from orbitile.space.grids import Grid, Window
from orbitile.space.mosaics import LendingRules, lending_neighbours
from orbitile.stages.assemble_map import MapInputs, MapOutputs, assemble_map
from orbitile.stages.classify import ClassifySettings, classify
from orbitile.stages.outline import MaskTables, OutlineSettings, outline_masks
from orbitile.stages.stitch import StitchInputs, stitch_masks
from orbitile.stages.tile import tile_scenes
from orbitile.tables.class_rasters import ClassRaster, read_class_rasters
from orbitile.tables.masks import OUTLINES
from orbitile.tables.parquet import read_pieces
from orbitile.tables.rasters import RasterRow, RasterTables, read_rasters, write_rasters
from orbitile.tables.vectors import VECTOR_FORMATS

MOON = find_body("Moon")
EQUIRECTANGULAR = "IAU_2015:30110"
TRACING = OutlineSettings(0.5, 8.0, 0.0)
EXCLUSIVE = replace(TRACING, decision=ARGMAX, centre_lines=False)
"""Every pixel is of exactly one class."""
LIKELIEST = ClassDecision()
EVERYTHING = PolygonFilters(0.0, 0.0, None, None, None)
CHOICE = ModelChoice(
    "w.safetensors", "0" * 64, "segmentation", "cpu", "auto", compile=False, batch=4, score_threshold=0
)


def pieces(width: int, height: int, cols=(), rows=(), names="abcdefghij") -> dict[str, Window]:
    """An image cut into scenes at some columns and rows, row by row."""
    windows = [
        Window(left, top, right - left, bottom - top)
        for top, bottom in pairwise([0, *rows, height])
        for left, right in pairwise([0, *cols, width])
    ]
    return dict(zip(names, windows, strict=False))


@dataclass(frozen=True)
class Lattice:
    """Where an image lies: its map, the size of its pixels in metres, the map's column and row of its first pixel."""

    crs: str = EQUIRECTANGULAR
    gsd_m: float = 100.0
    col: int = 0
    row: int = 0

    def grid(self, window: Window) -> Grid:
        """The grid of a window of the image."""
        left, top = (self.col + window.col) * self.gsd_m, -(self.row + window.row) * self.gsd_m
        transform = Affine(self.gsd_m, 0, left, 0, -self.gsd_m, top)
        return Grid(CRS(self.crs).to_wkt(), transform, window.width, window.height)


@dataclass(frozen=True)
class Map:
    """What the stage assemble_map wrote."""

    folder: Path
    polygons: geopandas.GeoDataFrame
    lines: geopandas.GeoDataFrame
    proof: dict

    @property
    def rows(self) -> list[list[tuple]]:
        """All rows of both tables but for the scenes' names and numbers, geometry as WKB: to the last bit."""
        return [
            list(table.drop(columns=["scene", "scenes"], errors="ignore").to_wkb().itertuples(index=False, name=None))
            for table in (self.polygons.fillna(-1.0), self.lines.fillna(-1.0))
        ]


@dataclass
class MaskRun:
    """A run in a folder. Scenes lend each other pixels as `margin` says, as far as `reach_px`."""

    folder: Path
    lattice: Lattice = field(default_factory=Lattice)
    margin: str = "auto"
    reach_px: int = 256
    groups: list[str] = field(default_factory=list)

    def table(self, stage: str, group: str) -> str:
        """The path of a stage's table of a group."""
        (self.folder / stage).mkdir(parents=True, exist_ok=True)
        return str(self.folder / stage / f"{group}.parquet")

    def tables(self, stage: str) -> list[str]:
        """Those of all groups."""
        return [self.table(stage, group) for group in self.groups]

    def _rows(self, stage, layers, cut, valid) -> list[RasterRow]:
        """Writes the scenes of an image (class: pixels) as rasters."""
        grids = {scene: self.lattice.grid(window) for scene, window in cut.items()}
        neighbours = lending_neighbours(grids, LendingRules(self.margin, self.reach_px * self.lattice.gsd_m, 1))
        rows = []
        for scene, window in cut.items():
            area = np.s_[window.row : window.row + window.height, window.col : window.col + window.width]
            scene_valid = np.ones((window.height, window.width), bool) if valid is None else valid[area]
            pixels = np.stack([np.where(scene_valid, layer[area], 0) for layer in layers.values()])
            path = self.folder / f"{stage}-{scene}-{self.lattice.gsd_m:g}.tif"
            blocks = [(Window(0, 0, window.width, window.height), pixels, scene_valid)]
            write_cog(path, grids[scene], PixelType("uint8", None, bands=tuple(layers)), blocks)
            grid, lenders = grids[scene], neighbours[scene] or []
            rows.append(RasterRow(
                scene, self.lattice.gsd_m, str(path), grid.crs_wkt, list(grid.transform)[:6], grid.width, grid.height,
                float(scene_valid.mean()), [0.0] * len(layers), [255.0] * len(layers), "projected",
                in_mosaic=neighbours[scene] is not None, lenders=[lender.scene for lender in lenders],
                longitude_wraps=[lender.longitude_wraps for lender in lenders],
            ))  # fmt: skip
        return rows

    def write(self, stage, layers, cut, valid=None) -> "MaskRun":
        """Cuts an image (class: pixels of 0..255) into scenes, and writes their rasters as tables of a stage.

        Called again, for another scale or place, it adds to them.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        for row in self._rows(stage, layers, cut, valid):
            path = self.table(stage, row.scene)
            before = read_rasters(path) if Path(path).exists() else []
            write_rasters([*before, row], path)
        self.groups = sorted({*self.groups, *cut})
        return self

    def stitched(self, layers, cut, valid=None) -> "MaskRun":
        """Writes probabilities, as `stitch` would, and images with data at the same pixels."""
        if isinstance(layers, np.ndarray):
            layers = dict(fracture=layers)
        first = next(iter(layers.values()))
        self.write("scaled", {"": np.full(first.shape, 100, np.uint8)}, cut, valid)
        return self.write("stitched", layers, cut, valid)

    def searched(self, size, infer) -> "MaskRun":
        """Tiles, searches and stitches the scaled scenes; `infer` is the stage, whose network is made up."""
        scale_m = self.lattice.gsd_m
        for group in self.groups:
            scaled, tiles, predictions = (self.table(stage, group) for stage in ("scaled", "tiles", "raw"))
            tile_scenes(scaled, {scale_m: size}, str(self.folder / "work" / "tile"), tiles, JobWork())
            settings = InferenceSettings(CHOICE, {scale_m: size.tile_px}, 1)
            lenders = [path for path in self.tables("scaled") if path != scaled]
            infer(
                tiles,
                RasterTables(scaled, lenders),
                settings,
                str(self.folder / "work" / "infer"),
                predictions,
                JobWork(),
            )
            inputs = StitchInputs(predictions, tiles, scaled)
            stitch_masks(inputs, {scale_m: size}, str(self.folder / "p"), self.table("stitched", group), JobWork())
        return self

    def outlined(self, tracing=TRACING) -> pd.DataFrame:
        """Outlines all groups, of which the classes are known where they exclude each other; their tables as one."""
        classified = self.tables("classified") if tracing.decision == ARGMAX else []
        for group in self.groups:
            stitched = self.table("stitched", group)
            tables = RasterTables(stitched, [path for path in self.tables("stitched") if path != stitched])
            outline_masks(
                MaskTables(tables, classified),
                tracing,
                str(self.folder / "work" / "outline"),
                self.table("outlines", group),
                JobWork(),
            )
        return read_pieces(self.tables("outlines"), OUTLINES)

    def classified(self, decision=LIKELIEST) -> list[ClassRaster]:
        """Writes the classes of all groups as rasters; returns the rows of their tables."""
        settings = ClassifySettings(decision, MOON.radius_m)
        for group in self.groups:
            stitched = self.table("stitched", group)
            tables = RasterTables(stitched, [path for path in self.tables("stitched") if path != stitched])
            classify(tables, settings, str(self.folder / "classes"), self.table("classified", group), JobWork())
        return [row for path in self.tables("classified") for row in read_class_rasters(path)]

    @property
    def rasters(self) -> dict:
        """The rows of all groups' stitched rasters, by scene and scale."""
        return {(row.scene, row.scale_m): row for path in self.tables("stitched") for row in read_rasters(path)}

    def united(
        self,
        tracing=TRACING,
        formats=VECTOR_FORMATS,
        rows_per_file=1000,
        decision=LIKELIEST,
        scenes_apart=False,
        **filters,
    ) -> Map:
        """Outlines all groups and assembles their map; classes that exclude each other get rasters, too."""
        classified = self.tables("classified") if tracing.decision == ARGMAX else []
        if classified:
            self.classified(decision)
        self.outlined(tracing)
        out = self.folder / "map"
        out.mkdir(exist_ok=True)
        paths = (str(out / name) for name in ("polygons", "lines", "summary.csv", "rose.png"))
        results = MapOutputs(*paths, formats, rows_per_file, str(out / "class_areas.csv"))
        polygon_filters = replace(EVERYTHING, **filters)
        assemble_map(
            MapInputs(self.tables("outlines"), self.tables("stitched"), classified, scenes_apart),
            polygon_filters,
            MOON,
            dict(run="r"),
            results,
        )
        proof = json.loads((out / "polygons.json").read_text())
        for name in ("polygons", "lines"):
            if (out / f"{name}.parquet").exists():
                stored_proof = json.loads(pq.read_schema(out / f"{name}.parquet").metadata[b"orbitile"])
                assert stored_proof == {key: proof[key] for key in proof if key not in ("parts", "files")}
        return Map(out, *(_read_dataset(out / name) for name in ("polygons", "lines")), proof)


def _read_dataset(folder: Path) -> geopandas.GeoDataFrame:
    """All rows of polygons or lines: from the file of all, where there is one, else from the parts."""
    if folder.with_suffix(".parquet").exists():
        return geopandas.read_parquet(folder.with_suffix(".parquet"))
    return pd.concat(map(geopandas.read_parquet, sorted(folder.glob("*.parquet"))))


def lying(shape: tuple[int, int], *boxes: tuple[int, int, int, int], level: int = 200) -> np.ndarray:
    """Probabilities (rows, columns) of a level in boxes (left, top, right, bottom), elsewhere 0."""
    pixels = np.zeros(shape, np.uint8)
    for left, top, right, bottom in boxes:
        pixels[top:bottom, left:right] = level
    return pixels


class Brightness:
    """A made-up segmentation network: the mean brightness around each pixel, as far as the tile goes; and its negative.

    Grey values of 0..255 become probabilities of 0..255.
    """

    def __init__(self, around_px=5):
        self.device, self.names, self.channels = torch.device("cpu"), ("bright", "dark"), 1
        self.reflect_padding, self.max_objects, self._around = False, None, around_px

    def predict_batch(self, images):
        around = self._around
        mean = torch.nn.functional.avg_pool2d(images.double(), around, 1, around // 2, count_include_pad=False)
        probability = torch.cat([mean, 255 - mean], dim=1).round().to(torch.uint8)
        return MaskOutput(probability, torch.zeros(len(images), dtype=torch.bool))
