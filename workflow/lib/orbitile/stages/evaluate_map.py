"""evaluate_map: a map compared with true lines and polygons, pixel by pixel and line by line."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

import matplotlib.pyplot as plt
import numpy as np
import shapely

from orbitile.base.files import write_json
from orbitile.base.manifests import read_manifest
from orbitile.features.confusion import ConfusionMatrix
from orbitile.features.labels.burn import GriddedLabels, grid_labels
from orbitile.features.labels.judged import JudgedWindow, mapped_classes, read_map_truth, square_spans, windows_beside
from orbitile.features.labels.masks import MaskFolder, SceneMask
from orbitile.features.labels.read import LabelLayer, VectorLabels
from orbitile.features.metrics import MEASURES, LinePoints, PixelCounts, line_metrics, pooled_metrics, tile_mean_metrics
from orbitile.features.shapes.lonlat_shapes import lines_in_degrees
from orbitile.inference.class_decision import ARGMAX, THRESHOLD
from orbitile.inference.mask_threshold import Threshold, class_threshold, is_positive, mask_threshold
from orbitile.inference.models.weights_header import BACKGROUND
from orbitile.pictures.confusion_picture import draw_confusion
from orbitile.pictures.measure_styles import MEASURE_STYLES
from orbitile.pictures.save_figure import save_figure
from orbitile.rasters.mosaic import RasterPart
from orbitile.rasters.read import opened_raster, read_window
from orbitile.space.bodies import Body
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground, lonlat_of_points
from orbitile.tables.class_rasters import class_raster_paths
from orbitile.tables.coverage import Coverage
from orbitile.tables.enlarged_rasters import rasters_at_all_scales
from orbitile.tables.failed_windows import failed_on_maps
from orbitile.tables.feature_parts import read_features
from orbitile.tables.layer_geometry import LINES
from orbitile.tables.rasters import RasterRow, mosaic_parts, read_rasters_of_groups

log = logging.getLogger(__name__)

TILE_PX = 512
"""Side of the squares over which figures are averaged."""
STEP_PX = 0.5
"""Distance between the points at which lines are compared."""


class MapResults(NamedTuple):
    """The map's manifest, and the groups' tables of scenes, of their probabilities and, perhaps, of their classes."""

    manifest: str
    scaled: Sequence[str]
    stitched: Sequence[str]
    classified: Sequence[str] = ()


@dataclass(frozen=True)
class MapComparison:
    """How a map is compared with the truth.

    Lines may be `tolerance_m` metres apart; pixels are positive from the probability `threshold` (0..1) on, which may
    be another one for each class; `labels` holds `width_field`, `class_field`, `buffers_px` and, where masks have them,
    `mask_values` of the settings' section `labels`. With the decision ARGMAX the rasters of classes count instead.
    Without `centre_lines` the map has none, and none are
    compared. Of several `unmapped_scenes`, which all lie at one place, only pixels are compared, each scene's with the
    truth that names it.
    """

    body: Body
    tolerance_m: float
    labels: Mapping
    threshold: Threshold
    unmapped_scenes: int = 0
    decision: str = THRESHOLD
    centre_lines: bool = True

    @classmethod
    def of(
        cls, body: Body, tolerance_m: float, labels: Mapping, outline_settings: dict, unmapped_scenes: int = 0
    ) -> Self:
        """From the settings, and how many scenes have no map."""
        mapped = dict(
            decision=outline_settings.get("decision", THRESHOLD),
            centre_lines=outline_settings.get("centre_lines", True),
        )
        threshold = mask_threshold(outline_settings["threshold"], outline_settings["model"])
        return cls(body, tolerance_m, labels, threshold, unmapped_scenes, **mapped)

    @property
    def classes_exclude_each_other(self) -> bool:
        """Whether every pixel is of exactly one class."""
        return self.decision == ARGMAX

    @property
    def stated(self) -> dict:
        """How pixels became positive, for JSON."""
        return dict(decision=ARGMAX) if self.classes_exclude_each_other else dict(threshold=self.threshold)

    def read_truth(self, path: str, classes: Sequence[str]) -> "MapTruth":
        """The true lines and polygons of some classes, or a folder of masks; without any probabilities of all classes.

        A folder holds the mask of each scene (see orbitile.features.labels.masks).
        """
        if Path(path).is_dir():
            masks = MaskFolder(Path(path), tuple(classes), self.labels.get("mask_values"))
            return MapTruth(masks, np.zeros(0, object), tuple(classes))
        labels = read_map_truth(path, self.body, self.labels, classes, self.unmapped_scenes)
        return MapTruth(labels, _true_lines(labels), tuple(classes))

    def positive(self, probability: np.ndarray, classes: Sequence[str]) -> list[np.ndarray]:
        """The mask (rows, columns; bool) of each class, of probabilities (classes, rows, columns) of 0..255."""
        thresholds = [class_threshold(self.threshold, name) for name in classes]
        return [is_positive(*pair) for pair in zip(probability, thresholds, strict=True)]


class MapTruth(NamedTuple):
    """True lines and polygons, or masks, the lines in longitude and latitude, and the classes of pixels to judge."""

    labels: VectorLabels | MaskFolder
    lines: np.ndarray
    classes: tuple[str, ...]


@dataclass(frozen=True)
class MapScale:
    """A run's scenes at one scale, the rasters of their probabilities, and the manifest of the map with its lines.

    `finest` are the scenes' grids at the finest scale, by name; `classes` the paths of rasters of classes, by scene and
    scale, where classes exclude each other; `failed` where scenes failed at this scale, on their maps.
    """

    scale_m: float
    finest: Mapping[str, Grid]
    scenes: list[RasterRow]
    rasters: list[RasterRow]
    classes: Mapping[tuple[str, float], str]
    failed: Mapping[str, shapely.Geometry]
    manifest: str

    def earlier(self, row: RasterRow) -> list[RasterPart]:
        """The rasters of scenes that lend a scene pixels and come before it by name: these have what both show."""
        parts = mosaic_parts(row, row.grid.window, self._by_place)
        return [part for scene, part in parts if scene < row.scene]

    @cached_property
    def _by_place(self) -> Mapping[tuple[str, float], RasterRow]:
        return {(row.scene, row.scale_m): row for row in self.rasters}

    def lines(self) -> Iterator[np.ndarray]:
        """The map's lines in degrees, in parts of near ones."""
        for table in read_features(self.manifest, "lines", ["scale_m", "geometry"]):
            yield shapely.from_wkb(table["geometry"].to_numpy())[table["scale_m"].to_numpy() == self.scale_m]


def evaluate_map(results: MapResults, truth: str, comparison: MapComparison, metrics: str, plot: str) -> None:
    """Write precision, recall, F1 and IoU for each scale as JSON and as a picture.

    Of classes that exclude each other also the confusion of all classes, background included. `truth` is a vector file,
    or a folder with a mask of each scene. Pixels count all at once and as means over squares of 512 px; lines, where
    the truth has some, by their length. Only what lies on valid pixels that did not fail is judged. Measures are null,
    with a warning, for a class or for lines of which nothing true lies there. OrbitileError where the truth cannot be
    read. What several scenes of a mosaic show counts once.
    """
    rasters = read_rasters_of_groups(results.stitched)
    true = comparison.read_truth(truth, mapped_classes(rasters))
    by_scale = [_figures(scale, true, comparison) for scale in _scales(results, rasters)]
    write_json(metrics, comparison.stated | dict(by_scale=by_scale))
    _plot(by_scale, plot)
    _log(by_scale, truth)


def _scales(results: MapResults, rasters: Sequence[RasterRow]) -> list[MapScale]:
    """What there is to be judged, from the finest scale on; `rasters` are those of probabilities."""
    scenes = read_rasters_of_groups(results.scaled)
    classes = class_raster_paths(results.classified)
    finest_m = min((row.scale_m for row in scenes), default=0)
    finest = {row.scene: row.grid for row in scenes if row.scale_m == finest_m}
    exclusions = read_manifest(Path(results.manifest)).get("exclusions", ())
    by_scale = {
        scale_m: [row for row in scenes if row.scale_m == scale_m]
        for scale_m in sorted({row.scale_m for row in scenes})
    }
    return [
        MapScale(
            scale_m,
            finest,
            scenes=of_scale,
            rasters=[row for row in rasters if row.scale_m == scale_m],
            classes=classes,
            failed=failed_on_maps(exclusions, rasters_at_all_scales(of_scale)),
            manifest=results.manifest,
        )
        for scale_m, of_scale in by_scale.items()
    ]


def _figures(scale: MapScale, truth: MapTruth, comparison: MapComparison) -> dict:
    """Figures of one scale: those of pixels by class, where there are probabilities, and those of lines."""
    pixels = PixelSums(truth.classes)
    for row in scale.rasters if truth.classes else ():
        gridded = _gridded(row, scale, truth, comparison)
        windows = windows_beside(row, gridded, _tile_heights(row), scale.earlier(row))
        if comparison.classes_exclude_each_other:
            pixels.add_classes(windows, scale.classes[row.scene, row.scale_m])
        else:
            pixels.add(windows, comparison)
    confused = dict(confusion=pixels.confusion.figures((BACKGROUND, *truth.classes), BACKGROUND))
    return dict(
        scale_m=scale.scale_m, pixels=pixels.figures(), lines=_line_figures(scale, truth, comparison),
        **(confused if comparison.classes_exclude_each_other and truth.classes else {}),
    )  # fmt: skip


def _line_figures(scale: MapScale, truth: MapTruth, comparison: MapComparison) -> dict[str, float | None] | None:
    """Figures of lines by their length; None where truth or map have no lines, or scenes lie at one place."""
    if not comparison.centre_lines:
        return None
    if comparison.unmapped_scenes > 1:
        log.warning("in pixel coordinates lines of several scenes lie at one place and are not compared, only pixels")
        return None
    radius_m, step_m = comparison.body.radius_m, STEP_PX * scale.scale_m
    true = LinePoints.of(truth.lines, step_m, radius_m)
    if not len(true.points):
        return None
    coverage = Coverage.of(scale.scenes, radius_m, scale.failed)
    mapped = (_on_data(LinePoints.of(lines, step_m, radius_m), coverage) for lines in scale.lines())
    return line_metrics(mapped, _on_data(true, coverage), comparison.tolerance_m, radius_m)


def _gridded(row: RasterRow, scale: MapScale, truth: MapTruth, comparison: MapComparison) -> GriddedLabels | SceneMask:
    """The true classes on the grid of a raster."""
    if isinstance(truth.labels, MaskFolder):
        return truth.labels.of_scene(row.scene, scale.finest[row.scene], row.grid)
    return grid_labels(truth.labels.of_scene(row.scene), row.grid, comparison.labels["buffers_px"])


class PixelSums:
    """The pixels of rasters against the truth: of each class in each square tile, and how all classes are confused."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._tiles: dict[str, list[PixelCounts]] = {name: [] for name in classes}
        self.confusion = ConfusionMatrix.empty(len(classes) + 1)

    def add(self, windows: Iterable[JudgedWindow], comparison: MapComparison) -> None:
        """Add a raster of probabilities, beside the true classes on its grid."""
        for part in windows:
            self._add_tiles(part, comparison.positive(part.probability, tuple(self._tiles)))

    def add_classes(self, windows: Iterable[JudgedWindow], path: str) -> None:
        """As `add`, where the raster of a path has the classes of the pixels."""
        with opened_raster(path) as source:
            for part in windows:
                numbers, _ = read_window(source, part.window)
                self._add_tiles(part, [numbers == number for number in range(1, len(self._tiles) + 1)])
                self.confusion += ConfusionMatrix.of(part.true, numbers, part.valid, len(self._tiles) + 1)

    def _add_tiles(self, part: JudgedWindow, positive: Sequence[np.ndarray]) -> None:
        for first in range(0, part.window.width, TILE_PX):
            tile = np.s_[:, first : first + TILE_PX]
            for number, (tiles, mask) in enumerate(zip(self._tiles.values(), positive, strict=True), 1):
                tiles.append(PixelCounts.of(mask[tile], part.true[tile] == number, part.valid[tile]))

    def figures(self) -> dict[str, dict]:
        """For each class the figures of all pixels, and their means over tiles; None where none of it is true."""
        return {name: _figures_of_class(tiles) for name, tiles in self._tiles.items()}


def _figures_of_class(tiles: Sequence[PixelCounts]) -> dict[str, dict]:
    total = sum(tiles, PixelCounts())
    figures = dict(pooled=pooled_metrics(total), averaged=tile_mean_metrics(tiles))
    return figures if total.has_truth else {kind: dict.fromkeys(measures) for kind, measures in figures.items()}


def _tile_heights(row: RasterRow) -> Iterator[int]:
    return (height for _, height in square_spans(0, row.height, TILE_PX))


def _true_lines(labels: VectorLabels) -> np.ndarray:
    """The labels that are lines, in longitude and latitude."""
    return np.concatenate([np.zeros(0, object), *(_lines_in_degrees(layer, labels) for layer in labels.layers)])


def _lines_in_degrees(layer: LabelLayer, labels: VectorLabels) -> np.ndarray:
    lines = layer.geometry[np.isin([shape.geom_type for shape in layer.geometry], LINES)]
    return lines_in_degrees(lines, Ground(layer.crs_wkt, labels.radius_m))


def _on_data(points: LinePoints, coverage: Coverage) -> LinePoints:
    """The points of lines that lie on valid pixels of a scene that did not fail."""
    return points.select(coverage.holds(*lonlat_of_points(points.points)))


def _log(by_scale: list[dict], truth: str) -> None:
    for scale in by_scale:
        for name, pixels in scale["pixels"].items():
            f1, iou = (pixels["pooled"][measure] for measure in ("f1", "iou"))
            if f1 is None:
                log.warning("%s: nothing of %s is true where the map has data, at %g m/px; its figures are not defined",
                            truth, name, scale["scale_m"])  # fmt: skip
            else:
                log.info("%g m/px, %s: F1 %.3f, IoU %.3f", scale["scale_m"], name, f1, iou)
        if "confusion" in scale and scale["confusion"]["mean_iou"] is not None:
            figures = scale["confusion"]
            mean, balanced = figures["mean_iou"], figures["balanced_accuracy"]
            log.info("%g m/px: mean IoU %.3f, balanced accuracy %.3f", scale["scale_m"], mean, balanced)
        if scale["lines"] and scale["lines"]["f1"] is None:
            log.warning("%s: no true line lies where the map has data, at %g m/px; its figures are not defined", truth,
                        scale["scale_m"])  # fmt: skip
        elif scale["lines"]:
            log.info("%g m/px, lines: F1 %.3f, by length", scale["scale_m"], scale["lines"]["f1"])


def _bars(by_scale: list[dict]) -> dict[str, dict[str, float | None]]:
    """The measures to be drawn, by the labels of their bars."""
    bars = {}
    for scale in by_scale:
        for name, pixels in scale["pixels"].items():
            bars[f"{name}, pixels\n{scale['scale_m']:g} m/px"] = pixels["pooled"]
        if scale["lines"]:
            bars[f"lines, within {scale['lines']['tolerance_m']:g} m\n{scale['scale_m']:g} m/px"] = scale["lines"]
    return bars


def _plot(by_scale: list[dict], path: str | Path) -> None:
    """Draw bars of all figures, scale by scale, and below them how classes that exclude each other are confused."""
    bars = _bars(by_scale)
    confused = {scale["scale_m"]: scale["confusion"]["confusion"] for scale in by_scale if "confusion" in scale}
    width = max(2 + 2.4 * len(bars), 7 if confused else 0)
    figure = plt.figure(figsize=(width, 4.5 * (1 + len(confused))), layout="constrained")
    axes, *below = np.ravel(figure.subplots(1 + len(confused))).tolist()
    for cell, (scale_m, matrix) in zip(below, confused.items(), strict=True):
        draw_confusion(cell, matrix["classes"], np.array(matrix["true_by_predicted"]), f"{scale_m:g} m/px")
    for offset, measure in enumerate(MEASURES):
        heights = {n: bar[measure] for n, bar in enumerate(bars.values()) if bar.get(measure) is not None}
        centres = [n + 0.2 * (offset - 1.5) for n in heights]
        container = axes.bar(centres, list(heights.values()), 0.18, label=measure,
                             **MEASURE_STYLES[measure].bar)  # fmt: skip
        axes.bar_label(container, fmt="%.2f", fontsize=8)
    axes.set_xticks(range(len(bars)), list(bars))
    axes.set(ylim=(0, 1.1))
    axes.legend(loc="upper center", ncols=4, frameon=False)
    save_figure(figure, path)
