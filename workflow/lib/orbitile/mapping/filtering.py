"""Which polygons are left out of the map, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import shapely

from orbitile.errors import OrbitileError, first_line
from orbitile.labels.burn import on_grid
from orbitile.mapping.joining import Layer
from orbitile.space.bodies import Body, lies_on

REASONS = ("too small", "outside the area", "in an excluded area", "along a seam", "along nodata")
"""In the order in which they are tried: the first that holds is the one that is counted."""
MOST = 0.5
"""A polygon is where more than this share of it is."""


@dataclass(frozen=True)
class Area:
    """Polygons, or lines with what is close to them, in a map (WKT) of the body."""

    geometry: np.ndarray
    crs_wkt: str

    @classmethod
    def read(cls, path: str | Path, body: Body) -> Self:
        """Read any vector file; OrbitileError where it is none, has no map, or one of another body."""
        try:
            frame = geopandas.read_parquet(path) if Path(path).suffix == ".parquet" else pyogrio.read_dataframe(path)
        except (ValueError, OSError, RuntimeError) as error:
            raise OrbitileError(f"{path}: cannot be read as vectors ({first_line(error)})") from error
        if not isinstance(frame, geopandas.GeoDataFrame):
            raise OrbitileError(f"{path}: holds no shapes; give it polygons in a map of {body.name}")
        if frame.crs is None:
            raise OrbitileError(f"{path}: says not in which map its coordinates are; give it a CRS of {body.name}")
        if not lies_on(frame.crs, body):
            raise OrbitileError(f"{path}: its map {frame.crs.name} is not one of {body.name}, but of another body")
        return cls(frame.geometry.dropna().to_numpy(), frame.crs.to_wkt())

    def over(self, layer: Layer, radius_m: float, reach_px: float = 0) -> np.ndarray:
        """Share (n) of each of a layer's polygons that it covers, `reach_px` beyond its border included."""
        shapes, _ = on_grid(self.geometry, self.crs_wkt, layer.grid, radius_m)
        if reach_px:
            shapes = shapely.buffer(shapes, reach_px)
        moved = shapely.transform(shapely.make_valid(shapes), lambda xy: xy + layer.grid.index)
        tree, shares = shapely.STRtree(moved), np.zeros(len(layer.polygons))
        for polygon, near in _by_first(*tree.query(layer.polygons, predicate="intersects")):
            covered = shapely.intersection(layer.polygons[polygon], shapely.union_all(moved[near]))
            shares[polygon] = covered.area / layer.polygons[polygon].area
        return shares


@dataclass(frozen=True)
class Filters:
    """Which polygons stay: large enough (m2), inside and outside of areas, away (px) from seams and nodata."""

    min_area_m2: float
    edge_px: float
    inside: Area | None
    outside: Area | None
    seams: Area | None

    @classmethod
    def of(cls, body: Body, min_area_m2: float, edge_px: float, **areas: str | None) -> Self:
        """Filters whose areas (inside, outside, seams) are read from files; None stands for none."""
        read = {name: None if path is None else Area.read(path, body) for name, path in areas.items()}
        return cls(min_area_m2, edge_px, **read)

    def reasons(self, layer: Layer, area_m2: np.ndarray, radius_m: float) -> pd.Series:
        """Why each of a layer's polygons is left out: one of REASONS, missing for those that stay."""
        near_nodata = layer.about["near_nodata"] / layer.about["pixels"]
        nowhere = np.zeros(len(area_m2))
        tests = [
            area_m2 < self.min_area_m2,
            (1 - self.inside.over(layer, radius_m) if self.inside else nowhere) > MOST,
            (self.outside.over(layer, radius_m) if self.outside else nowhere) > MOST,
            (self.seams.over(layer, radius_m, self.edge_px) if self.seams else nowhere) > MOST,
            (near_nodata if self.edge_px else nowhere) > MOST,
        ]
        return pd.Series(np.select(tests, REASONS, default=""), dtype=object).replace("", None)


def _by_first(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The second numbers of pairs, by the first."""
    order = np.argsort(first, kind="stable")
    starts = np.flatnonzero(np.diff(first[order], prepend=-1))
    for some in np.split(order, starts[1:]) if len(order) else []:
        yield int(first[some[0]]), second[some]
