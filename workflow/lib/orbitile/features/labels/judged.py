"""Rasters of probabilities beside the classes that are true there, window by window."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.features.labels.burn import LABEL_NODATA, GriddedLabels, grid_labels
from orbitile.features.labels.masks import SceneMask
from orbitile.features.labels.read import LabelFields, VectorLabels, read_labels
from orbitile.rasters.mosaic import RasterPart, opened_validity
from orbitile.rasters.read import opened_raster, read_window
from orbitile.space.bodies import Body
from orbitile.space.grids import Window
from orbitile.tables.rasters import RasterRow


class JudgedWindow(NamedTuple):
    """A window of a raster, its probabilities 0..255 (classes, rows, columns), true classes and valid pixels.

    `true` (rows, columns; uint8) is 0 for the background, 1..K for a class, 255 for what is not valid.
    """

    window: Window
    probability: np.ndarray
    true: np.ndarray
    valid: np.ndarray


def read_map_truth(
    path: str, body: Body, label_fields: Mapping, classes: Sequence[str], unmapped_scenes: int = 0
) -> VectorLabels:
    """True lines and polygons of some classes; where there are no classes, all.

    `label_fields` holds `width_field` and `class_field` of the settings' section `labels`.
    """
    if Path(path).is_dir():
        raise OrbitileError(f"{path}: is a folder, but lines and polygons stand in a vector file; masks in a folder "
                            "serve evaluation only")  # fmt: skip
    width, class_ = label_fields["width_field"], label_fields["class_field"]
    return read_labels(path, body, LabelFields(width, class_ if classes else None, tuple(classes) or ("any",),
                                               unmapped_scenes))  # fmt: skip


def mapped_classes(rasters: Sequence[RasterRow]) -> tuple[str, ...]:
    """The names of the classes, as the bands of the first raster of probabilities state them; () without any."""
    if not rasters:
        return ()
    with opened_raster(rasters[0].path) as source:
        return source.descriptions


def judged_windows(
    row: RasterRow, labels: VectorLabels, buffers_px: Mapping[str, float], heights: Iterable[int]
) -> Iterator[JudgedWindow]:
    """A raster of probabilities from top to bottom, in windows of its width and of some heights, beside the truth."""
    return windows_beside(row, grid_labels(labels.of_scene(row.scene), row.grid, buffers_px), heights)


def windows_beside(
    row: RasterRow, gridded: GriddedLabels | SceneMask, heights: Iterable[int], earlier: Sequence[RasterPart] = ()
) -> Iterator[JudgedWindow]:
    """As `judged_windows`, beside labels on the raster's grid.

    Pixels whose class is unknown are not valid, nor are those that `earlier` rasters of its mosaic have, too.
    """
    with opened_raster(row.path) as source, opened_validity(earlier) as is_earlier:
        top = 0
        for height in heights:
            window = Window(0, top, row.width, height)
            probability, valid = read_window(source, window, range(1, source.count + 1))
            valid = valid & ~is_earlier(window)
            true = gridded.burn(window, valid)
            yield JudgedWindow(window, probability, true, valid & (true != LABEL_NODATA))
            top += height


def square_spans(start: int, length: int, side: float) -> list[tuple[int, int]]:
    """The numbers of the squares along an axis in which pixels lie, and how many of them lie in each.

    Pixels count from `start` on; squares are `side` pixels long and count from pixel 0.
    """
    number, count = np.unique(np.floor((start + np.arange(length)) / side).astype(int), return_counts=True)
    return list(zip(number.tolist(), count.tolist(), strict=True))
