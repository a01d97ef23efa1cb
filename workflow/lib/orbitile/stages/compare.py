"""compare: a map against true lines and polygons, pixel by pixel and line by line."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import NamedTuple, Self

import geopandas
import matplotlib.pyplot as plt
import numpy as np
import shapely

from orbitile.files import atomic, write_json
from orbitile.labels.burn import Placed, place
from orbitile.labels.read import LINES, LabelFields, Labels, read_labels
from orbitile.mapping.judging import Counts, Path, along_lines, averaged, pooled
from orbitile.rasters.coverage import on_data
from orbitile.rasters.read import opened, read
from orbitile.space.bodies import Body
from orbitile.space.grids import Window
from orbitile.space.ground import Ground, places
from orbitile.stages.outline import Tracing, is_positive
from orbitile.tables.rasters import RasterRow, read_rasters

log = logging.getLogger(__name__)

TILE_PX = 512
"""Side of the squares over which figures are averaged."""
STEP_PX = 0.5
"""How far apart lines are looked at."""


class Found(NamedTuple):
    """The map's lines, and the groups' tables of scenes and of their probabilities."""

    lines: str
    scaled: Sequence[str]
    stitched: Sequence[str]


@dataclass(frozen=True)
class Comparison:
    """How a map is compared: how far off lines may be, how labels are read, from which probability on pixels count."""

    body: Body
    tolerance_m: float
    labels: Mapping
    threshold: float

    @classmethod
    def of(cls, body: Body, tolerance_m: float, labels: dict, tracing: dict) -> Self:
        """From the settings."""
        return cls(body, tolerance_m, labels, Tracing.of(**tracing).threshold)

    def read(self, path: str, classes: Sequence[str]) -> Labels:
        """The truth; without classes, as nothing was searched, its shapes are of no matter which."""
        width, class_ = self.labels["width_field"], self.labels["class_field"]
        fields = LabelFields(width, class_, tuple(classes)) if classes else LabelFields(width, None, ("any",))
        return read_labels(path, self.body, fields)


def compare(found: Found, truth: str, how: Comparison, metrics: str, plot: str) -> None:
    """Write precision, recall, F1 and IoU for each scale as JSON and as a picture.

    Pixels count all at once and as means over squares of 512 px; lines, where the truth has some, by their length.
    Only what lies on valid pixels is judged.
    """
    rasters = [row for path in found.stitched for row in read_rasters(path)]
    scenes = [row for path in found.scaled for row in read_rasters(path)]
    classes = _classes(rasters)
    labels = how.read(truth, classes)
    true_lines = _true_lines(labels)
    lines = geopandas.read_parquet(found.lines)
    figures = dict(threshold=how.threshold, by_scale=[])
    for scale_m in sorted({row.scale_m for row in scenes}):
        pixels = _by_class([row for row in rasters if row.scale_m == scale_m], labels, how) if classes else {}
        own = lines.loc[lines["scale_m"] == scale_m].geometry.to_numpy()
        step_m = STEP_PX * scale_m
        paths = [Path.of(one, step_m, how.body.radius_m) for one in (own, true_lines)]
        judged = [_on_scenes(path, [row for row in scenes if row.scale_m == scale_m], how.body) for path in paths]
        by_line = along_lines(*judged, how.tolerance_m, how.body.radius_m) if len(paths[1].points) else None
        figures["by_scale"].append(dict(scale_m=scale_m, pixels=pixels, lines=by_line))
    write_json(metrics, figures)
    _draw(figures, plot)
    _tell(figures)


def _classes(rasters: list[RasterRow]) -> tuple[str, ...]:
    if not rasters:
        return ()
    with opened(rasters[0].path) as source:
        return source.descriptions


def _by_class(rasters: list[RasterRow], labels: Labels, how: Comparison) -> dict[str, dict]:
    """For each class the figures of all pixels of some rasters, and their means over tiles."""
    counts: dict[str, list[Counts]] = {name: [] for name in labels.classes}
    for row in rasters:
        placed = place(labels, row.grid, how.labels["buffers_px"])
        for tile in _tiles(row, placed, how.threshold):
            for name, one in zip(labels.classes, tile, strict=True):
                counts[name].append(one)
    return {name: dict(pooled=pooled(sum(some, Counts())), averaged=averaged(some)) for name, some in counts.items()}


def _tiles(row: RasterRow, placed: Placed, threshold: float) -> Iterator[list[Counts]]:
    """The counts of all classes in each square tile of a raster."""
    with opened(row.path) as source:
        channels = range(1, source.count + 1)
        for top in range(0, row.height, TILE_PX):
            band = Window(0, top, row.width, min(TILE_PX, row.height - top))
            probability, valid = read(source, band, channels)
            true, found = placed.burn(band, valid), is_positive(probability, threshold)
            for left in range(0, row.width, TILE_PX):
                here = np.s_[:, left : left + TILE_PX]
                yield [Counts.of(found[n - 1][here], true[here] == n, valid[here]) for n in channels]


def _true_lines(labels: Labels) -> np.ndarray:
    """The labels that are lines, in longitude and latitude."""
    parts = [np.zeros(0, object)]
    for layer in labels.layers:
        lines = layer.geometry[np.isin([shape.geom_type for shape in layer.geometry], LINES)]
        ground = Ground(layer.crs_wkt, labels.radius_m)
        parts.append(shapely.transform(lines, lambda xy, ground=ground: np.column_stack(ground.lonlat(*xy.T))))
    return np.concatenate(parts)


def _on_scenes(path: Path, scenes: list[RasterRow], body: Body) -> Path:
    """What of a path lies on valid pixels of some scenes."""
    return path.where(on_data(*places(path.points), scenes, body.radius_m))


def _tell(figures: dict) -> None:
    for one in figures["by_scale"]:
        for name, pixels in one["pixels"].items():
            log.info("%g m/px, %s: F1 %.3f, IoU %.3f", one["scale_m"], name, *map(pixels["pooled"].get, ("f1", "iou")))
        if one["lines"]:
            log.info("%g m/px, lines: F1 %.3f, by length", one["scale_m"], one["lines"]["f1"])


def _draw(figures: dict, path: str | FilePath) -> None:
    """Bars of all figures, scale by scale."""
    bars = {}
    for one in figures["by_scale"]:
        for name, pixels in one["pixels"].items():
            bars[f"{name}, pixels\n{one['scale_m']:g} m/px"] = pixels["pooled"]
        if one["lines"]:
            bars[f"lines, within {one['lines']['tolerance_m']:g} m\n{one['scale_m']:g} m/px"] = one["lines"]
    figure, axes = plt.subplots(figsize=(2 + 2.4 * len(bars), 4.5), layout="constrained")
    for offset, measure in enumerate(("precision", "recall", "f1", "iou")):
        places = [n + 0.2 * (offset - 1.5) for n, bar in enumerate(bars.values()) if measure in bar]
        drawn = axes.bar(places, [bar[measure] for bar in bars.values() if measure in bar], 0.18, label=measure)
        axes.bar_label(drawn, fmt="%.2f", fontsize=8)
    axes.set_xticks(range(len(bars)), list(bars))
    axes.set(ylim=(0, 1.1))
    axes.legend(loc="upper center", ncols=4, frameon=False)
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=120)
    plt.close(figure)
