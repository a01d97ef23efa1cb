"""evaluate_map: a map compared with true lines and polygons, pixel by pixel and line by line."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import matplotlib.pyplot as plt
import numpy as np
import shapely

from orbitile.base.files import atomic, write_json
from orbitile.features.labels.judged import judged_windows, mapped_classes, read_map_truth, square_spans
from orbitile.features.labels.read import LabelLayer, VectorLabels
from orbitile.features.metrics import MEASURES, LinePoints, PixelCounts, line_metrics, pooled_metrics, tile_mean_metrics
from orbitile.inference.mask_threshold import Threshold, class_threshold, is_positive, mask_threshold
from orbitile.space.bodies import Body
from orbitile.space.ground import Ground, lonlat_of_points
from orbitile.tables.coverage import Coverage
from orbitile.tables.feature_parts import read_features
from orbitile.tables.layer_geometry import LINES
from orbitile.tables.rasters import RasterRow, read_rasters

log = logging.getLogger(__name__)

TILE_PX = 512
"""Side of the squares over which figures are averaged."""
STEP_PX = 0.5
"""Distance between the points at which lines are compared."""


class MapResults(NamedTuple):
    """The map's manifest, and the groups' tables of scenes and of their probabilities."""

    manifest: str
    scaled: Sequence[str]
    stitched: Sequence[str]


@dataclass(frozen=True)
class MapComparison:
    """How a map is compared with the truth.

    Lines may be `tolerance_m` metres apart; pixels are positive from the probability `threshold` (0..1) on, which may
    be another one for each class; `labels` holds `width_field`, `class_field` and `buffers_px` of the settings' section
    `labels`. Of several `unmapped_scenes`, which all lie at one place, only pixels are compared, each scene's with the
    truth that names it.
    """

    body: Body
    tolerance_m: float
    labels: Mapping
    threshold: Threshold
    unmapped_scenes: int = 0

    @classmethod
    def of(
        cls, body: Body, tolerance_m: float, labels: Mapping, outline_settings: dict, unmapped_scenes: int = 0
    ) -> Self:
        """From the settings, and how many scenes have no map."""
        threshold = mask_threshold(outline_settings["threshold"], outline_settings["model"])
        return cls(body, tolerance_m, labels, threshold, unmapped_scenes)

    def read_truth(self, path: str, classes: Sequence[str]) -> "MapTruth":
        """The true lines and polygons of some classes; where there are no probabilities and so no classes, all."""
        labels = read_map_truth(path, self.body, self.labels, classes, self.unmapped_scenes)
        return MapTruth(labels, _true_lines(labels), tuple(classes))


class MapTruth(NamedTuple):
    """True lines and polygons, the lines among them in longitude and latitude, and the classes of pixels to judge."""

    labels: VectorLabels
    lines: np.ndarray
    classes: tuple[str, ...]


@dataclass(frozen=True)
class MapScale:
    """A run's scenes at one scale, the rasters of their probabilities, and the manifest of the map with its lines."""

    scale_m: float
    scenes: list[RasterRow]
    rasters: list[RasterRow]
    manifest: str

    def lines(self) -> Iterator[np.ndarray]:
        """The map's lines in degrees, in parts of near ones."""
        for table in read_features(self.manifest, "lines", ["scale_m", "geometry"]):
            yield shapely.from_wkb(table["geometry"].to_numpy())[table["scale_m"].to_numpy() == self.scale_m]


def evaluate_map(results: MapResults, truth: str, comparison: MapComparison, metrics: str, plot: str) -> None:
    """Write precision, recall, F1 and IoU for each scale as JSON and as a picture.

    `truth` is a vector file. Pixels count all at once and as means over squares of 512 px; lines, where the truth has
    some, by their length. Only what lies on valid pixels is judged. OrbitileError where the truth cannot be read.
    """
    rasters = [row for path in results.stitched for row in read_rasters(path)]
    true = comparison.read_truth(truth, mapped_classes(rasters))
    by_scale = [_figures(scale, true, comparison) for scale in _scales(results)]
    figures = dict(threshold=comparison.threshold, by_scale=by_scale)
    write_json(metrics, figures)
    _plot(by_scale, plot)
    _log(by_scale)


def _scales(results: MapResults) -> list[MapScale]:
    """What there is to be judged, from the finest scale on."""
    rasters = [row for path in results.stitched for row in read_rasters(path)]
    scenes = [row for path in results.scaled for row in read_rasters(path)]
    return [
        MapScale(
            scale_m,
            scenes=[row for row in scenes if row.scale_m == scale_m],
            rasters=[row for row in rasters if row.scale_m == scale_m],
            manifest=results.manifest,
        )
        for scale_m in sorted({row.scale_m for row in scenes})
    ]


def _figures(scale: MapScale, truth: MapTruth, comparison: MapComparison) -> dict:
    """Figures of one scale: those of pixels by class, where there are probabilities, and those of lines."""
    pixels = _pixel_figures(scale.rasters, truth.labels, comparison) if truth.classes else {}
    return dict(scale_m=scale.scale_m, pixels=pixels, lines=_line_figures(scale, truth, comparison))


def _line_figures(scale: MapScale, truth: MapTruth, comparison: MapComparison) -> dict[str, float] | None:
    """Figures of lines by their length; None where the truth has no lines, or scenes lie at one place."""
    if comparison.unmapped_scenes > 1:
        log.warning("in pixel coordinates lines of several scenes lie at one place and are not compared, only pixels")
        return None
    radius_m, step_m = comparison.body.radius_m, STEP_PX * scale.scale_m
    true = LinePoints.of(truth.lines, step_m, radius_m)
    if not len(true.points):
        return None
    coverage = Coverage.of(scale.scenes, radius_m)
    mapped = (_on_data(LinePoints.of(lines, step_m, radius_m), coverage) for lines in scale.lines())
    return line_metrics(mapped, _on_data(true, coverage), comparison.tolerance_m, radius_m)


def _pixel_figures(rasters: list[RasterRow], labels: VectorLabels, comparison: MapComparison) -> dict[str, dict]:
    """For each class the figures of all pixels of some rasters, and their means over tiles."""
    counts: dict[str, list[PixelCounts]] = {name: [] for name in labels.classes}
    for row in rasters:
        for tile in _tiles(row, labels, comparison):
            for name, class_counts in zip(labels.classes, tile, strict=True):
                counts[name].append(class_counts)
    return {
        name: dict(pooled=pooled_metrics(sum(tiles, PixelCounts())), averaged=tile_mean_metrics(tiles))
        for name, tiles in counts.items()
    }


def _tiles(row: RasterRow, labels: VectorLabels, comparison: MapComparison) -> Iterator[list[PixelCounts]]:
    """The counts of all classes in each square tile of a raster."""
    thresholds = [class_threshold(comparison.threshold, name) for name in labels.classes]
    heights = (height for _, height in square_spans(0, row.height, TILE_PX))
    for part in judged_windows(row, labels, comparison.labels["buffers_px"], heights):
        positive = [is_positive(*pair) for pair in zip(part.probability, thresholds, strict=True)]
        for first in range(0, row.width, TILE_PX):
            tile = np.s_[:, first : first + TILE_PX]
            yield [
                PixelCounts.of(mask[tile], part.true[tile] == number, part.valid[tile])
                for number, mask in enumerate(positive, 1)
            ]


def _true_lines(labels: VectorLabels) -> np.ndarray:
    """The labels that are lines, in longitude and latitude."""
    return np.concatenate([np.zeros(0, object), *(_lines_in_degrees(layer, labels) for layer in labels.layers)])


def _lines_in_degrees(layer: LabelLayer, labels: VectorLabels) -> np.ndarray:
    ground = Ground(layer.crs_wkt, labels.radius_m)
    lines = layer.geometry[np.isin([shape.geom_type for shape in layer.geometry], LINES)]
    return shapely.transform(lines, lambda xy: np.column_stack(ground.lonlat(*xy.T)))


def _on_data(points: LinePoints, coverage: Coverage) -> LinePoints:
    """The points of lines that lie on valid pixels of a scene."""
    return points.select(coverage.holds(*lonlat_of_points(points.points)))


def _log(by_scale: list[dict]) -> None:
    for scale in by_scale:
        for name, pixels in scale["pixels"].items():
            f1, iou = (pixels["pooled"][measure] for measure in ("f1", "iou"))
            log.info("%g m/px, %s: F1 %.3f, IoU %.3f", scale["scale_m"], name, f1, iou)
        if scale["lines"]:
            log.info("%g m/px, lines: F1 %.3f, by length", scale["scale_m"], scale["lines"]["f1"])


def _bars(by_scale: list[dict]) -> dict[str, dict[str, float]]:
    """The measures to be drawn, by the labels of their bars."""
    bars = {}
    for scale in by_scale:
        for name, pixels in scale["pixels"].items():
            bars[f"{name}, pixels\n{scale['scale_m']:g} m/px"] = pixels["pooled"]
        if scale["lines"]:
            bars[f"lines, within {scale['lines']['tolerance_m']:g} m\n{scale['scale_m']:g} m/px"] = scale["lines"]
    return bars


def _plot(by_scale: list[dict], path: str | Path) -> None:
    """Draw bars of all figures, scale by scale."""
    bars = _bars(by_scale)
    figure, axes = plt.subplots(figsize=(2 + 2.4 * len(bars), 4.5), layout="constrained")
    for offset, measure in enumerate(MEASURES):
        centres = [n + 0.2 * (offset - 1.5) for n, bar in enumerate(bars.values()) if measure in bar]
        container = axes.bar(centres, [bar[measure] for bar in bars.values() if measure in bar], 0.18, label=measure)
        axes.bar_label(container, fmt="%.2f", fontsize=8)
    axes.set_xticks(range(len(bars)), list(bars))
    axes.set(ylim=(0, 1.1))
    axes.legend(loc="upper center", ncols=4, frameon=False)
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=120)
    plt.close(figure)
