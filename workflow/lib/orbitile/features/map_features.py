"""Features of a map, group by group: joined, measured and filtered, as from one join over all outlines.

Most features lie in one group and are made with it; those that may continue in another wait until all groups were
read, and are made at once (see orbitile.features.borders, which says why nothing depends on the groups).
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import geopandas
import numpy as np
import pandas as pd

from orbitile.features.borders import continue_beyond_group
from orbitile.features.filter import PolygonFilters
from orbitile.features.join import FeatureLayer, LayerKey, MapFrames
from orbitile.features.measure import measure_features
from orbitile.features.shapes.ground import LONGEST_EDGE_PX
from orbitile.space.bodies import Body
from orbitile.tables.features import LINES, POLYGONS, TIES, TYPES
from orbitile.tables.masks import OUTLINES
from orbitile.tables.parquet import concat_tables
from orbitile.tables.rasters import RasterRow

DROPPED = ["class", "scale_m", "reason"]
"""What dropped polygons are counted by."""


class FilteredFeatures(NamedTuple):
    """Polygons and lines that stay, and how many polygons were dropped (columns DROPPED, and count).

    The columns are POLYGONS, LINES, TIES, and the number of the layer. `feature` is the row of the polygon.
    """

    polygons: geopandas.GeoDataFrame
    lines: geopandas.GeoDataFrame
    dropped: pd.DataFrame


@dataclass
class MapFeatures:
    """The features of a map, to which group by group is added.

    `rasters` are those of all scenes (by scene and scale in m/px), `layers` the keys of all layers in order. Edges of
    polygons longer than `longest_edge_px` are divided on the ground.
    """

    frames: MapFrames
    rasters: Mapping[tuple[str, float], RasterRow]
    filters: PolygonFilters
    body: Body
    longest_edge_px: float = LONGEST_EDGE_PX
    _unfinished: list[pd.DataFrame] = field(default_factory=list)
    _group_of_scene: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.layers = list(self.frames.layers)
        self._number_of_layer = {key: number for number, key in enumerate(self.layers)}
        self._windows = {key: self.rasters[key].grid.lattice_window for key in self.frames.lattices}

    def of_group(self, group: str, outlines: pd.DataFrame) -> FilteredFeatures:
        """The features that lie in a group, from all its outlines; what may go on elsewhere is for `across_groups`."""
        continues = continue_beyond_group(outlines, self.frames, self._windows)
        self._unfinished.append(outlines[continues])
        self._group_of_scene |= dict.fromkeys(outlines["scene"].unique(), group)
        return self._filtered(self.frames.join(outlines[~continues], self.body.radius_m))

    def across_groups(self) -> Iterator[tuple[str, FilteredFeatures]]:
        """The features that were kept, each with the group that has the scene with the largest part of it."""
        outlines = concat_tables(self._unfinished, OUTLINES)
        self._unfinished.clear()
        by_group: dict[str, list[FeatureLayer]] = {}
        for layer in self.frames.join(outlines, self.body.radius_m):
            groups = layer.attributes["scene"].map(self._group_of_scene).to_numpy(object)
            for group in sorted(set(groups)):
                by_group.setdefault(group, []).append(layer.select(groups == group))
        for group in sorted(by_group):
            yield group, self._filtered(by_group.pop(group))

    def _filtered(self, layers: Iterable[FeatureLayer]) -> FilteredFeatures:
        with_polygons = [layer for layer in layers if len(layer.polygons)]
        filters = self.filters.with_seams(self._seams(with_polygons), self.body)
        parts = [self._filtered_layer(layer, filters) for layer in with_polygons]
        return _joined(parts or [_no_features(self.body)])

    def _filtered_layer(self, layer: FeatureLayer, filters: PolygonFilters) -> FilteredFeatures:
        polygons, lines = measure_features(layer, self.body, self.longest_edge_px)
        reason = filters.reasons(layer, polygons["area_m2"].to_numpy(), self.body.radius_m)
        stays = reason.isna().to_numpy()
        dropped = polygons.loc[~stays, ["class", "scale_m"]].assign(reason=reason[~stays])
        rows = (np.cumsum(stays) - 1)[lines["feature"].to_numpy(int)]
        lines = lines.assign(feature=rows)[stays[lines["feature"].to_numpy(int)]]
        polygons = polygons[stays].assign(feature=np.arange(stays.sum()))
        number = self._number_of_layer[layer.key]
        counts = dropped.groupby(DROPPED).size().rename("count").reset_index()
        return FilteredFeatures(polygons.assign(layer=number), lines.assign(layer=number), counts)

    def _seams(self, layers: Sequence[FeatureLayer]) -> dict[str, str]:
        """The files of seams, by scene, of those scenes of layers that lie close to their polygons."""
        return {scene: seams for layer in layers for scene, seams in self._seams_around(layer)}

    def _seams_around(self, layer: FeatureLayer) -> Iterator[tuple[str, str]]:
        reach = layer.extent.lattice_window.grown(math.ceil(self.filters.edge_px) + 1)
        for scene in layer.scenes:
            seams = self.rasters[scene, layer.scale_m].seams
            if seams and self._windows[scene, layer.scale_m].intersection(reach):
                yield scene, seams


def feature_ranks(keys: pd.DataFrame, layers: Sequence[LayerKey]) -> np.ndarray:
    """The places (n), from 0, of features in the order of the map: by ORDER, then by their layers and TIES.

    `keys` holds lat, lon, length_m, TIES and layer, the number of one of `layers`, which are in order.
    """
    kinds = sorted({key[:2] for key in layers})
    kind_of_layer = np.array([kinds.index(key[:2]) for key in layers], np.int32)
    layer = keys["layer"].to_numpy(int)
    *ties, length, lon, lat = (keys[name].to_numpy() for name in (*TIES[::-1], "length_m", "lon", "lat"))
    ranks = np.empty(len(keys), np.int64)
    ranks[np.lexsort([*ties, layer, length, kind_of_layer[layer], lon, lat])] = np.arange(len(keys))
    return ranks


def _no_features(body: Body) -> FilteredFeatures:
    """Tables without rows."""
    types = TYPES | dict.fromkeys(TIES, float) | dict(layer=int)
    polygons, lines = (
        geopandas.GeoDataFrame({name: pd.Series(dtype=types[name]) for name in names}, geometry=[], crs=body.crs)
        for names in ([*POLYGONS, *TIES, "layer"], [*LINES, *TIES, "layer"])
    )
    return FilteredFeatures(polygons, lines, pd.DataFrame(columns=[*DROPPED, "count"]))


def _joined(parts: Sequence[FilteredFeatures]) -> FilteredFeatures:
    """All features of several layers, with the lines' numbers of polygons those of the joined table."""
    first = np.cumsum([0, *(len(part.polygons) for part in parts)])[:-1].tolist()
    renumbered = [
        part._replace(lines=part.lines.assign(feature=part.lines["feature"] + offset))
        for part, offset in zip(parts, first, strict=True)
    ]
    return FilteredFeatures(*(pd.concat(tables, ignore_index=True) for tables in zip(*renumbered, strict=True)))
