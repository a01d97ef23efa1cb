"""outline: polygons and centre lines from a group's probabilities, scene by scene."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
import shapely
from scipy.ndimage import distance_transform_edt

from orbitile.base.files import cache_key
from orbitile.features.shapes.polygons import FeaturePieces, PieceLayers, mask_pieces, reach_edge
from orbitile.features.shapes.skeleton import HALO_PX, join_lines, mask_chains
from orbitile.inference.class_decision import ARGMAX, THRESHOLD
from orbitile.inference.mask_threshold import DEFAULT_THRESHOLD, Threshold, class_threshold, is_positive, mask_threshold
from orbitile.jobs.pieces import JobWork, Piece
from orbitile.pipeline import code_version
from orbitile.rasters.mosaic import Mosaic, RasterPart, opened_mosaic
from orbitile.rasters.read import opened_raster
from orbitile.space.grids import Window
from orbitile.tables.class_rasters import class_raster_paths
from orbitile.tables.masks import LINE, OUTLINES, POLYGON
from orbitile.tables.parquet import read_pieces, write_table
from orbitile.tables.rasters import RasterRow, RasterTables, Surroundings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OutlineSettings:
    """How masks become shapes.

    Pixels count from the probability `threshold` (0..1) on, which may be another one for each class; side branches of
    centre lines shorter than `spur_px` are pruned; pixels within `edge_px` of nodata, or of the end of the data, count
    as near nodata. With the decision ARGMAX each pixel is of the class that the rasters of classes state instead.
    Without `centre_lines` there are only polygons.
    """

    threshold: Threshold
    spur_px: float
    edge_px: float
    decision: str = THRESHOLD
    centre_lines: bool = True

    @classmethod
    def of(
        cls, threshold: Threshold | None, spur_px: float, edge_px: float, model: dict | None,
        decision: str = THRESHOLD, centre_lines: bool = True,
    ) -> Self:  # fmt: skip
        """From the settings' section `mapping`; without a threshold, that of the weights, else one half."""
        if decision == ARGMAX:
            return cls(DEFAULT_THRESHOLD, spur_px, edge_px, ARGMAX, centre_lines)
        return cls(mask_threshold(threshold, model), spur_px, edge_px, centre_lines=centre_lines)


class MaskTables(NamedTuple):
    """A group's rasters of probabilities with those around them, and the tables of classes of the same groups.

    `classified` is empty unless classes exclude each other.
    """

    stitched: RasterTables
    classified: Sequence[str] = ()


def outline_masks(tables: MaskTables, settings: OutlineSettings, folder: str, out: str, work: JobWork) -> None:
    """Write polygons and centre lines of a group's scenes (see orbitile.tables.masks.OUTLINES) to `out`.

    They are cut where a scene ends; the neighbours' masks beyond are read, too, so that their outlines fit.
    """
    surroundings, classes = Surroundings(tables.stitched), class_raster_paths(tables.classified)
    scenes = [OutlinedScene(row, surroundings, settings, classes) for row in surroundings.group_rows]
    by_path = {scene.path(Path(folder)): scene for scene in scenes}
    pieces = [Piece(scene.raster.scene, path, f"{scene.raster.scale_m:g} m/px") for path, scene in by_path.items()]

    def make(piece: Piece) -> None:
        table = by_path[piece.path].table()
        log.info("%s: %s", piece, ", ".join(f"{n} {kind}s" for kind, n in table["kind"].value_counts().items()))
        write_table(table, OUTLINES, piece.path)

    complete_pieces = work.make_pieces(pieces, make, unit="rasters")
    outlines = read_pieces([piece.path for piece in complete_pieces], OUTLINES)
    write_table(outlines, OUTLINES, out, work.table_metadata)


@dataclass(frozen=True)
class OutlinedScene:
    """A scene's raster of probabilities, with those around it, to be outlined.

    `classes` are the paths of rasters of classes, by scene and scale; without them classes have thresholds.
    """

    raster: RasterRow
    surroundings: Surroundings
    settings: OutlineSettings
    classes: Mapping[tuple[str, float], str]

    @cached_property
    def _parts(self) -> list[tuple[str, RasterPart]]:
        """The scene itself and its neighbours, by name: where they overlap, all scenes use the pixels of the same one.

        A scene that reaches around the body can be the neighbour of another twice, and of itself.
        """
        halo = self.raster.grid.window.grown(HALO_PX)
        return sorted(self.surroundings.named_parts(self.raster, halo), key=lambda part: part[0])

    def path(self, folder: Path) -> Path:
        """The path of its table, under a name made of all that it depends on."""
        parts = [(scene, asdict(part)) for scene, part in self._parts]
        name = cache_key(
            parts=parts, raster=self.raster.path, settings=vars(self.settings), version=code_version("outline"),
            **(dict(classes=[part.path for part in self._class_parts]) if self._class_parts else {}),
        )  # fmt: skip
        return folder / self.raster.scene / f"{self.raster.scale_m:g}m-{name}.parquet"

    @property
    def _class_parts(self) -> list[RasterPart]:
        """The rasters of classes of all parts, where there are any."""
        if not self.classes:
            return []
        return [replace(part, path=self.classes[scene, self.raster.scale_m]) for scene, part in self._parts]

    def table(self) -> pd.DataFrame:
        """Polygons and lines of all classes."""
        with opened_raster(self.raster.path) as source:
            names = source.descriptions
        with opened_mosaic([part for _, part in self._parts]) as mosaic, ExitStack() as stack:
            classes = stack.enter_context(opened_mosaic(self._class_parts)) if self.classes else None
            masks = Masks(mosaic, self.settings.threshold, classes)
            views = [MaskView(masks, number, name, self.raster, self.settings) for number, name in enumerate(names, 1)]
            tables = [
                table.assign(**{"class": name})
                for name, view in zip(names, views, strict=True)
                for table in (self._polygons(view), *([self._lines(view)] if self.settings.centre_lines else []))
            ]
        return pd.concat(tables, ignore_index=True).assign(scene=self.raster.scene, scale_m=self.raster.scale_m)

    def _polygons(self, view: "MaskView") -> pd.DataFrame:
        pieces = FeaturePieces.concat(mask_pieces(view.layers, window) for window in self._windows())
        features, number = pieces.features()
        sums = [
            np.bincount(number, values, len(features)).astype(np.int64)
            for values in (pieces.pixels, pieces.probability, pieces.near_nodata)
        ]
        return _table(POLYGON, features, *sums, self._continues(features, view.window))

    def _lines(self, view: "MaskView") -> pd.DataFrame:
        chains = [mask_chains(view.mask, window, self.settings.spur_px) for window in self._windows()]
        lines = join_lines(np.concatenate(chains))
        return _table(LINE, lines, 0, 0, 0, self._continues(lines, view.window))

    def _continues(self, shapes: np.ndarray, window: Window) -> np.ndarray:
        """Which shapes (n) touch the scene's border, or a seam that belongs to another scene."""
        seams = [shapely.box(*earlier.edges) for earlier in self._earlier_windows]
        return (reach_edge(shapes, window) | shapely.intersects(shapes, _prepared(seams))) & self.raster.in_mosaic

    def _windows(self) -> list[Window]:
        """The scene's window on the lattice, less the seams that it shares with scenes before it."""
        return subtract_windows(self.raster.grid.lattice_window, self._earlier_windows)

    @property
    def _earlier_windows(self) -> list[Window]:
        """The windows on the lattice of those neighbours that come before this scene."""
        col, row = self.raster.grid.index
        parts = [part for scene, part in self._parts if scene < self.raster.scene]
        return [Window(part.col + col, part.row + row, part.width, part.height) for part in parts]


class Masks(NamedTuple):
    """Rasters of probabilities of a mosaic, and what makes masks of them: thresholds, or rasters of classes."""

    probability: Mosaic
    threshold: Threshold
    classes: Mosaic | None

    def read(self, window: Window, channel: int, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The probabilities of a class in a window, its mask, and which pixels are valid (rows, columns each)."""
        probability, valid = self.probability.read(window, channel)
        if self.classes is None:
            return probability, valid & is_positive(probability, class_threshold(self.threshold, name)), valid
        return probability, valid & (self.classes.read(window)[0] == channel), valid


@dataclass(frozen=True)
class MaskView:
    """The mask of one class of a scene and around it; windows are those of the lattice."""

    masks: Masks
    channel: int
    name: str
    raster: RasterRow
    settings: OutlineSettings

    @property
    def window(self) -> Window:
        """The scene's window on the lattice."""
        return self.raster.grid.lattice_window

    def layers(self, window: Window) -> PieceLayers:
        """The mask in a window, its probabilities, and which of its pixels are close to nodata or where data ends."""
        reach = int(np.ceil(self.settings.edge_px))
        probability, positive, valid = self._read(window.grown(reach))
        inside = np.s_[reach : reach + window.height, reach : reach + window.width]
        mask = positive[inside]
        near_nodata = np.zeros(mask.shape, bool)
        if reach and mask.any() and not valid.all():
            near_nodata = (distance_transform_edt(valid) <= self.settings.edge_px)[inside]
        return PieceLayers(mask, probability[inside], near_nodata)

    def mask(self, window: Window) -> np.ndarray:
        """The mask (rows, columns; bool) in a window."""
        return self._read(window)[1]

    def _read(self, window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The probabilities of the class in a window, its mask, and which pixels are valid (rows, columns each)."""
        col, row = self.raster.grid.index
        area = Window(window.col - col, window.row - row, window.width, window.height)
        return self.masks.read(area, self.channel, self.name)


def _prepared(seams: list[shapely.Polygon]) -> shapely.Geometry:
    """All seams as one shape, prepared for many comparisons."""
    merged = shapely.union_all(seams)
    shapely.prepare(merged)
    return merged


def subtract_windows(window: Window, holes: list[Window]) -> list[Window]:
    """What remains of a window without the holes, as windows that do not overlap."""
    remainder = [window]
    for hole in holes:
        remainder = [part for rest in remainder for part in _around(rest, hole)]
    return remainder


def _around(window: Window, hole: Window) -> Iterator[Window]:
    """A window without a hole in it: above, below, left and right of it."""
    shared = window.intersection(hole)
    if shared is None:
        yield window
        return
    right, bottom = shared.col + shared.width, shared.row + shared.height
    sides = [
        Window(window.col, window.row, window.width, shared.row - window.row),
        Window(window.col, bottom, window.width, window.row + window.height - bottom),
        Window(window.col, shared.row, shared.col - window.col, shared.height),
        Window(right, shared.row, window.col + window.width - right, shared.height),
    ]
    yield from (side for side in sides if side.width and side.height)


def _table(kind: str, shapes: np.ndarray, *columns: object) -> pd.DataFrame:
    names = ["pixels", "probability", "near_nodata", "continues_beyond_scene"]
    geometry = shapely.to_wkb(shapes, output_dimension=3)
    return pd.DataFrame(dict(kind=kind, geometry=geometry) | dict(zip(names, columns, strict=True)))
