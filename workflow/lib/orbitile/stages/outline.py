"""outline: polygons and centre lines of what a group's probabilities show, scene by scene."""

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import shapely
from scipy.ndimage import distance_transform_edt

from orbitile.files import key
from orbitile.jobs.pieces import Piece, Work
from orbitile.models.stated import stated_threshold
from orbitile.rasters.mosaic import Mosaic, Part, opened_mosaic
from orbitile.rasters.read import opened
from orbitile.shapes.polygons import Layers, Pieces, mask_pieces, reach_edge
from orbitile.shapes.skeleton import HALO_PX, mask_chains, whole_lines
from orbitile.space.grids import Window
from orbitile.tables.masks import LINE, OUTLINES, POLYGON
from orbitile.tables.parquet import read_pieces, write_table
from orbitile.tables.rasters import RasterRow, RasterTables, Surroundings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tracing:
    """How masks become shapes: least probability, spurs of centre lines that are pruned, what is close to nodata."""

    threshold: float
    spur_px: float
    edge_px: float

    @classmethod
    def of(cls, threshold: float | None, spur_px: float, edge_px: float, model: dict | None) -> Self:
        """From the settings' section `mapping`; without a threshold that of the weights counts, else one half."""
        stated = model and threshold is None and stated_threshold(Path(model["weights"]))
        return cls(threshold or stated or 0.5, spur_px, edge_px)


def is_positive(probability: np.ndarray, threshold: float) -> np.ndarray:
    """Which probabilities of 0..255 reach a threshold of 0..1; those of 0 never do, whatever it is."""
    return probability >= max(np.ceil(threshold * 255), 1)


def outline(tables: RasterTables, tracing: Tracing, folder: str, out: str, work: Work) -> None:
    """Write polygons and centre lines of a group's scenes (see orbitile.tables.masks.OUTLINES) to `out`.

    They are cut where a scene ends; beyond, the neighbours' masks are seen, so that what they cut there fits.
    """
    around = Surroundings(tables)
    scenes = [Traced(row, around, tracing) for row in around.own]
    wanted = {one.path(Path(folder)): one for one in scenes}
    pieces = [Piece(one.raster.scene, path, f"{one.raster.scale_m:g} m/px") for path, one in wanted.items()]

    def make(piece: Piece) -> None:
        table = wanted[piece.path].table()
        log.info("%s: %s", piece, ", ".join(f"{n} {kind}s" for kind, n in table["kind"].value_counts().items()))
        write_table(table, OUTLINES, piece.path)

    whole = work.each(pieces, make, unit="rasters")
    write_table(read_pieces([piece.path for piece in whole], OUTLINES), OUTLINES, out, work.account)


@dataclass(frozen=True)
class Traced:
    """A scene's raster of probabilities, with those around it, to be traced."""

    raster: RasterRow
    around: Surroundings
    tracing: Tracing

    @cached_property
    def _parts(self) -> list[tuple[str, Part]]:
        """The scene itself and its neighbours, by name: where they overlap, all scenes see the same one.

        Around the whole body a scene can be the neighbour of another twice, and its own.
        """
        halo = Window(-HALO_PX, -HALO_PX, self.raster.width + 2 * HALO_PX, self.raster.height + 2 * HALO_PX)
        return sorted(self.around.named_parts(self.raster, halo), key=lambda part: part[0])

    def path(self, folder: Path) -> Path:
        """Where its table belongs, under a name made of all that it depends on."""
        parts = [(scene, asdict(part)) for scene, part in self._parts]
        name = key(parts=parts, own=self.raster.path, how=vars(self.tracing), version=2)
        return folder / self.raster.scene / f"{self.raster.scale_m:g}m-{name}.parquet"

    def table(self) -> pd.DataFrame:
        """Polygons and lines of all classes."""
        with opened(self.raster.path) as source:
            names = source.descriptions
        with opened_mosaic([part for _, part in self._parts]) as mosaic:
            views = [View(mosaic, number + 1, self.raster, self.tracing) for number in range(len(names))]
            tables = [
                table.assign(**{"class": name})
                for name, view in zip(names, views, strict=True)
                for table in (self._polygons(view), self._lines(view))
            ]
        whole = pd.concat(tables, ignore_index=True)
        return whole.assign(scene=self.raster.scene, scale_m=self.raster.scale_m)

    def _polygons(self, view: "View") -> pd.DataFrame:
        pieces = Pieces.united(mask_pieces(view.layers, window) for window in self._windows())
        features, number = pieces.features()
        sums = [
            np.bincount(number, values, len(features)).astype(np.int64)
            for values in (pieces.pixels, pieces.probability, pieces.near_nodata)
        ]
        return _table(POLYGON, features, *sums, self._goes_on(features, view.window))

    def _lines(self, view: "View") -> pd.DataFrame:
        chains = [mask_chains(view.mask, window, self.tracing.spur_px) for window in self._windows()]
        lines = whole_lines(np.concatenate(chains))
        return _table(LINE, lines, 0, 0, 0, self._goes_on(lines, view.window))

    def _goes_on(self, shapes: np.ndarray, window: Window) -> np.ndarray:
        """Which shapes (n) touch the scene's border, or a seam that belongs to another scene."""
        seams = [shapely.box(w.col, w.row, w.col + w.width, w.row + w.height) for w in self._before]
        return (reach_edge(shapes, window) | shapely.intersects(shapes, _prepared(seams))) & self.raster.in_mosaic

    def _windows(self) -> list[Window]:
        """The scene's window on the lattice, less the seams that it shares with scenes before it."""
        return less(Window(*self.raster.grid.index, self.raster.width, self.raster.height), self._before)

    @property
    def _before(self) -> list[Window]:
        """The windows on the lattice of the scenes around that come before this one."""
        col, row = self.raster.grid.index
        before = [part for scene, part in self._parts if scene < self.raster.scene]
        return [Window(part.col + col, part.row + row, part.width, part.height) for part in before]


@dataclass(frozen=True)
class View:
    """The mask of one class of a scene and around it; windows are those of the lattice."""

    mosaic: Mosaic
    channel: int
    raster: RasterRow
    tracing: Tracing

    @property
    def window(self) -> Window:
        """The scene's own window."""
        return Window(*self.raster.grid.index, self.raster.width, self.raster.height)

    def layers(self, window: Window) -> Layers:
        """The mask in a window, its probabilities, and which of its pixels are close to nodata or where data ends."""
        reach = int(np.ceil(self.tracing.edge_px))
        probability, valid = self._read(_wider(window, reach))
        inside = np.s_[reach : reach + window.height, reach : reach + window.width]
        own, known = probability[inside], valid[inside]
        mask = self._is_positive(own, known)
        close = np.zeros(mask.shape, bool)
        if reach and mask.any() and not valid.all():
            close = (distance_transform_edt(valid) <= self.tracing.edge_px)[inside]
        return Layers(mask, own, close)

    def mask(self, window: Window) -> np.ndarray:
        """The mask in a window."""
        return self._is_positive(*self._read(window))

    def _read(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        col, row = self.raster.grid.index
        return self.mosaic.read(Window(window.col - col, window.row - row, window.width, window.height), self.channel)

    def _is_positive(self, probability: np.ndarray, valid: np.ndarray) -> np.ndarray:
        return valid & is_positive(probability, self.tracing.threshold)


def _prepared(seams: list[shapely.Polygon]) -> shapely.Geometry:
    """Seams as one shape that many are compared with."""
    whole = shapely.union_all(seams)
    shapely.prepare(whole)
    return whole


def less(window: Window, others: list[Window]) -> list[Window]:
    """What is left of a window without some others, as windows that do not overlap."""
    left = [window]
    for other in others:
        left = [part for one in left for part in _around(one, other)]
    return left


def _around(window: Window, hole: Window) -> Iterator[Window]:
    """A window without a hole in it: above, below, left and right of it."""
    shared = window.shared(hole)
    if shared is None:
        yield window
        return
    right, bottom = shared.col + shared.width, shared.row + shared.height
    found = [
        Window(window.col, window.row, window.width, shared.row - window.row),
        Window(window.col, bottom, window.width, window.row + window.height - bottom),
        Window(window.col, shared.row, shared.col - window.col, shared.height),
        Window(right, shared.row, window.col + window.width - right, shared.height),
    ]
    yield from (one for one in found if one.width and one.height)


def _wider(window: Window, by: int) -> Window:
    return Window(window.col - by, window.row - by, window.width + 2 * by, window.height + 2 * by)


def _table(kind: str, shapes: np.ndarray, *columns: object) -> pd.DataFrame:
    names = ["pixels", "probability", "near_nodata", "goes_on"]
    geometry = shapely.to_wkb(shapes, output_dimension=3)
    return pd.DataFrame(dict(kind=kind, geometry=geometry) | dict(zip(names, columns, strict=True)))
