"""Which polygons are left out of the map, and why."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import geopandas
import numpy as np
import pandas as pd
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.features.join import FeatureLayer
from orbitile.features.labels.burn import may_reach, shapes_on_grid
from orbitile.space.bodies import Body
from orbitile.space.ground import Ground
from orbitile.tables.layer_geometry import POLYGONS, checked_geometry
from orbitile.tables.layers import layer_map, read_layers
from orbitile.tables.wide_shapes import bounding_circles

log = logging.getLogger(__name__)

REASONS = ("too small", "outside the area", "in an excluded area", "along a seam", "along nodata")
"""In the order in which they are tested; the first that applies is counted."""
COVERED_SHARE = 0.5
"""A polygon counts as inside an area, or along a seam or nodata, with more than this share of its area."""
LONGEST_PIECE_EDGES = 256
"""Lines are split into pieces of so many edges: a seam along the pixels of an entire scene has a hundred thousand."""


@dataclass(frozen=True)
class FilterArea:
    """Polygons, or lines and their surroundings, of an area that filters polygons; in a map (WKT) of the body."""

    geometry: np.ndarray
    crs_wkt: str

    @classmethod
    def read(cls, path: str | Path, body: Body) -> Self:
        """Read the first layer of a vector file of a user, lines and polygons.

        OrbitileError for a file that cannot be read, has no layer with shapes, no map, a map of another body, or
        features that make no sense (see orbitile.tables.layer_geometry).
        """
        return cls._of(*_read_area(path, body))

    @classmethod
    def read_polygons(cls, path: str | Path, body: Body) -> Self:
        """Read only the polygons; OrbitileError as of `read`, and for a file that has features but no polygons."""
        frame, crs_wkt = _read_area(path, body)
        is_polygon = frame.geom_type.isin(POLYGONS)
        if len(frame) and not is_polygon.any():
            raise OrbitileError(f"{path}: holds lines, which cover no area; give a file of polygons")
        if not is_polygon.all():
            log.warning("%s: %d lines, which cover no area, skipped", path, (~is_polygon).sum())
        return cls._of(frame[is_polygon], crs_wkt)

    @classmethod
    def read_seams(cls, path: str | Path, body: Body) -> Self:
        """Read the seams of a scene that the run itself merged from strips."""
        frame = next(iter(read_layers(path).values()))
        return cls._of(frame[frame.geometry.notna()], layer_map(frame, path, body))

    @classmethod
    def _of(cls, frame: geopandas.GeoDataFrame, crs_wkt: str) -> Self:
        return cls(_pieces(np.asarray(frame.geometry, object)), crs_wkt)

    def covered_shares(self, layer: FeatureLayer, radius_m: float, reach_px: float = 0) -> np.ndarray:
        """Share (n) of each polygon of a layer that the area covers, including `reach_px` pixels beyond its border."""
        return _covered_shares(layer, self.shapes_on_lattice(layer, radius_m, reach_px))

    def shapes_on_lattice(self, layer: FeatureLayer, radius_m: float, reach_px: float = 0) -> np.ndarray:
        """The area's shapes (m) near a layer's polygons, in columns and rows of its lattice, `reach_px` pixels wider.

        Which of them are near depends on the polygons at hand; what each of them becomes only on the layer's grid.
        """
        circles = bounding_circles(self.geometry, Ground(self.crs_wkt, radius_m))
        is_near = may_reach(*circles, layer.extent, radius_m, reach_px)
        shapes, _ = shapes_on_grid(self.geometry[is_near], self.crs_wkt, layer.grid, radius_m)
        if reach_px:
            shapes = shapely.buffer(shapes, reach_px)
        return shapely.transform(shapely.make_valid(shapes), lambda xy: xy + layer.grid.index)


def _read_area(path: str | Path, body: Body) -> tuple[geopandas.GeoDataFrame, str]:
    """The first layer of a file, with its checked geometry, and its map (WKT); a warning where it has no features."""
    layers = read_layers(path)
    if not layers:
        raise OrbitileError(f"{path}: the file holds no shapes; give a file of polygons in a map of {body.name}")
    (name, frame), *other_layers = layers.items()
    if other_layers:
        log.warning("%s: the file has %d layers; only the first, %s, is read", path, len(layers), name)
    crs_wkt, checked = layer_map(frame, path, body), checked_geometry(frame, path, body)
    if not len(checked):
        log.warning("%s: holds no line and no polygon: it covers nothing", path)
    return checked, crs_wkt


def _pieces(geometry: np.ndarray) -> np.ndarray:
    """Shapes with long lines split into pieces, so that only pieces close to a polygon are compared with it."""
    types = shapely.get_type_id(geometry)
    is_line = np.isin(types, [shapely.GeometryType.LINESTRING, shapely.GeometryType.MULTILINESTRING])
    pieces = [
        shapely.LineString(points[first : first + LONGEST_PIECE_EDGES + 1])
        for points in map(shapely.get_coordinates, shapely.get_parts(geometry[is_line]))
        for first in range(0, len(points) - 1, LONGEST_PIECE_EDGES)
    ]
    return np.concatenate([geometry[~is_line], np.array(pieces, object)])


def _covered_shares(layer: FeatureLayer, shapes: np.ndarray) -> np.ndarray:
    """Share (n) of each polygon of a layer that shapes of its lattice cover together."""
    tree, shares = shapely.STRtree(shapes), np.zeros(len(layer.polygons))
    for polygon, indices in _group_by_first(*tree.query(layer.polygons, predicate="intersects")):
        covering = shapely.union_all(shapes[np.sort(indices)])  # in one order, whatever shapes the tree holds
        covered = shapely.intersection(layer.polygons[polygon], covering)
        shares[polygon] = covered.area / layer.polygons[polygon].area
    return shares


@dataclass(frozen=True)
class PolygonFilters:
    """Which polygons stay: of at least `min_area_m2`, inside and outside of areas, `edge_px` off seams and nodata.

    `seams` apply to all scenes, `scene_seams` only to the scene of that name: other images of the same place have no
    seams there.
    """

    min_area_m2: float
    edge_px: float
    inside: FilterArea | None
    outside: FilterArea | None
    seams: FilterArea | None
    scene_seams: Mapping[str, FilterArea] = field(default_factory=dict)

    @classmethod
    def of(
        cls, body: Body, min_area_m2: float, edge_px: float,
        inside: str | None = None, outside: str | None = None, seams: str | None = None,
    ) -> Self:  # fmt: skip
        """Filters whose areas are read from files; None stands for no area.

        OrbitileError as of FilterArea.read_polygons, and where nothing lies inside, because its file has no polygons.
        """
        within = None if inside is None else FilterArea.read_polygons(inside, body)
        if within and not len(within.geometry):
            raise OrbitileError(f"{inside}: holds no polygon, so that nothing lies inside; draw areas, or give none")
        without = None if outside is None else FilterArea.read_polygons(outside, body)
        return cls(min_area_m2, edge_px, within, without, None if seams is None else FilterArea.read(seams, body))

    def with_seams(self, files: Mapping[str, str], body: Body) -> Self:
        """The same filters with the seams of scenes that were merged from strips, read from one file for each scene."""
        return replace(self, scene_seams={scene: FilterArea.read_seams(path, body) for scene, path in files.items()})

    def reasons(self, layer: FeatureLayer, area_m2: np.ndarray, radius_m: float) -> pd.Series:
        """Why each polygon of a layer is left out (n): one of REASONS, missing for those that stay."""
        near_nodata = layer.attributes["near_nodata"] / layer.attributes["pixels"]
        none_covered = np.zeros(len(area_m2))
        tests = [
            area_m2 < self.min_area_m2,
            (1 - self.inside.covered_shares(layer, radius_m) if self.inside else none_covered) > COVERED_SHARE,
            (self.outside.covered_shares(layer, radius_m) if self.outside else none_covered) > COVERED_SHARE,
            self._along_seams(layer, radius_m) > COVERED_SHARE,
            (near_nodata if self.edge_px else none_covered) > COVERED_SHARE,
        ]
        return pd.Series(np.select(tests, REASONS, default=""), dtype=object).replace("", None)

    def _along_seams(self, layer: FeatureLayer, radius_m: float) -> np.ndarray:
        """Share (n) of each polygon of a layer that lies close to any seam."""
        scene_areas = [self.scene_seams[scene] for scene in layer.scenes if scene in self.scene_seams]
        areas = scene_areas + ([self.seams] if self.seams else [])
        shapes = [area.shapes_on_lattice(layer, radius_m, self.edge_px) for area in areas]
        return _covered_shares(layer, np.concatenate([np.zeros(0, object), *shapes]))


def _group_by_first(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Pairs of numbers grouped by the first: each first number, and its second numbers."""
    order = np.argsort(first, kind="stable")
    starts = np.flatnonzero(np.diff(first[order], prepend=-1))
    for group in np.split(order, starts[1:]) if len(order) else []:
        yield int(first[group[0]]), second[group]
