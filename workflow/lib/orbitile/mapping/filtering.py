"""Which polygons are left out of the map, and why."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import shapely

from orbitile.errors import OrbitileError
from orbitile.labels.burn import on_grid
from orbitile.mapping.joining import Layer
from orbitile.space.bodies import Body
from orbitile.tables.layers import check_map, read_layers

log = logging.getLogger(__name__)

REASONS = ("too small", "outside the area", "in an excluded area", "along a seam", "along nodata")
"""In the order in which they are tried: the first that holds is the one that is counted."""
MOST = 0.5
"""A polygon is where more than this share of it is."""
LONGEST = 256
"""Lines are cut into pieces of so many edges: a seam along the pixels of a whole scene has a hundred thousand."""


@dataclass(frozen=True)
class Area:
    """Polygons, or lines with what is close to them, in a map (WKT) of the body."""

    geometry: np.ndarray
    crs_wkt: str

    @classmethod
    def read(cls, path: str | Path, body: Body) -> Self:
        """Read any vector file's first layer; OrbitileError where it is none, has no map, or one of another body."""
        layers = read_layers(path)
        if not layers:
            raise OrbitileError(f"{path}: holds no shapes; give it polygons in a map of {body.name}")
        (name, frame), *others = layers.items()
        if others:
            log.warning("%s: of its %d layers only the first, %s, is read", path, len(layers), name)
        check_map(frame, path, body)
        return cls(_pieces(frame.geometry.dropna().to_numpy()), frame.crs.to_wkt())

    def over(self, layer: Layer, radius_m: float, reach_px: float = 0) -> np.ndarray:
        """Share (n) of each of a layer's polygons that it covers, `reach_px` beyond its border included."""
        return _covered(layer, self.near(layer, radius_m, reach_px))

    def near(self, layer: Layer, radius_m: float, reach_px: float = 0) -> np.ndarray:
        """Its shapes on a layer's lattice, grown by `reach_px`."""
        shapes, _ = on_grid(self.geometry, self.crs_wkt, layer.grid, radius_m)
        if reach_px:
            shapes = shapely.buffer(shapes, reach_px)
        return shapely.transform(shapely.make_valid(shapes), lambda xy: xy + layer.grid.index)


def _pieces(geometry: np.ndarray) -> np.ndarray:
    """Shapes with long lines cut into pieces, of which only those close to a polygon need be looked at."""
    types = shapely.get_type_id(geometry)
    is_line = np.isin(types, [shapely.GeometryType.LINESTRING, shapely.GeometryType.MULTILINESTRING])
    cut = [
        shapely.LineString(points[first : first + LONGEST + 1])
        for points in map(shapely.get_coordinates, shapely.get_parts(geometry[is_line]))
        for first in range(0, len(points) - 1, LONGEST)
    ]
    return np.concatenate([geometry[~is_line], np.array(cut, object)])


def _covered(layer: Layer, shapes: np.ndarray) -> np.ndarray:
    """Share (n) of each of a layer's polygons that shapes of its lattice cover together."""
    tree, shares = shapely.STRtree(shapes), np.zeros(len(layer.polygons))
    for polygon, near in _by_first(*tree.query(layer.polygons, predicate="intersects")):
        covered = shapely.intersection(layer.polygons[polygon], shapely.union_all(shapes[near]))
        shares[polygon] = covered.area / layer.polygons[polygon].area
    return shares


@dataclass(frozen=True)
class Filters:
    """Which polygons stay: large enough (m2), inside and outside of areas, away (px) from seams and nodata.

    `seams` go for all scenes, `own_seams` for those they are named by: another image of the place has none there.
    """

    min_area_m2: float
    edge_px: float
    inside: Area | None
    outside: Area | None
    seams: Area | None
    own_seams: Mapping[str, Area] = field(default_factory=dict)

    @classmethod
    def of(cls, body: Body, min_area_m2: float, edge_px: float, **areas: str | None) -> Self:
        """Filters whose areas (inside, outside, seams) are read from files; None stands for none."""
        read = {name: None if path is None else Area.read(path, body) for name, path in areas.items()}
        return cls(min_area_m2, edge_px, **read)

    def with_seams(self, files: Mapping[str, str], body: Body) -> Self:
        """The same filters, and the seams of scenes that were merged from strips, read from a file for each."""
        return replace(self, own_seams={scene: Area.read(path, body) for scene, path in files.items()})

    def reasons(self, layer: Layer, area_m2: np.ndarray, radius_m: float) -> pd.Series:
        """Why each of a layer's polygons is left out: one of REASONS, missing for those that stay."""
        near_nodata = layer.about["near_nodata"] / layer.about["pixels"]
        nowhere = np.zeros(len(area_m2))
        tests = [
            area_m2 < self.min_area_m2,
            (1 - self.inside.over(layer, radius_m) if self.inside else nowhere) > MOST,
            (self.outside.over(layer, radius_m) if self.outside else nowhere) > MOST,
            self._along_seams(layer, radius_m) > MOST,
            (near_nodata if self.edge_px else nowhere) > MOST,
        ]
        return pd.Series(np.select(tests, REASONS, default=""), dtype=object).replace("", None)

    def _along_seams(self, layer: Layer, radius_m: float) -> np.ndarray:
        """Share (n) of each of a layer's polygons that lies close to any seam."""
        own = [self.own_seams[scene] for scene in layer.scenes if scene in self.own_seams]
        areas = own + ([self.seams] if self.seams else [])
        shapes = [area.near(layer, radius_m, self.edge_px) for area in areas]
        return _covered(layer, np.concatenate([np.zeros(0, object), *shapes]))


def _by_first(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The second numbers of pairs, by the first."""
    order = np.argsort(first, kind="stable")
    starts = np.flatnonzero(np.diff(first[order], prepend=-1))
    for some in np.split(order, starts[1:]) if len(order) else []:
        yield int(first[some[0]]), second[some]
