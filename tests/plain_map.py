"""The map of all outlines at once, in memory: what joining group by group must give, row for row."""

from collections.abc import Iterator, Mapping, Sequence

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa

from orbitile.features.filter import PolygonFilters
from orbitile.features.join import FeatureLayer, MapFrames
from orbitile.features.measure import measure_features
from orbitile.space.bodies import Body
from orbitile.tables.features import KINDS, LINES, ORDER, POLYGONS

Frames = dict[str, geopandas.GeoDataFrame]


def plain_map(outlines: pd.DataFrame, rasters: Mapping, filters: PolygonFilters, body: Body) -> Frames:
    """Polygons and lines, numbered; a stable sort of all layers' features, one layer after another."""
    seams = {row.scene: row.seams for row in rasters.values() if row.seams}
    with_seams = filters.with_seams(seams, body)
    layers = [_filtered(layer, with_seams, body) for layer in feature_layers(outlines, rasters, body.radius_m)]
    return _numbered(layers) if layers else {kind: geopandas.GeoDataFrame() for kind in KINDS}


def feature_layers(outlines: pd.DataFrame, rasters: Mapping, radius_m: float) -> Iterator[FeatureLayer]:
    """The layers of a table of all outlines (see orbitile.tables.masks.OUTLINES); `rasters` are by scene and scale."""
    return MapFrames.of(outlines, rasters).join(outlines, radius_m)


def _filtered(layer: FeatureLayer, filters: PolygonFilters, body: Body) -> Sequence[pd.DataFrame]:
    polygons, lines = measure_features(layer, body)
    stays = filters.reasons(layer, polygons["area_m2"].to_numpy(), body.radius_m).isna().to_numpy()
    return polygons[stays], lines[stays[lines["feature"].to_numpy(int)]]


def _numbered(layers: Sequence[Sequence[pd.DataFrame]]) -> Frames:
    parts = [[table.assign(layer=n) for table in layer] for n, layer in enumerate(layers)]
    polygons, lines = (pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))
    polygons = polygons.sort_values(ORDER, ignore_index=True, kind="stable")
    numbers = polygons[["layer", "feature"]].assign(number=np.arange(1, len(polygons) + 1))
    number_of_line = lines[["layer", "feature"]].merge(numbers, on=["layer", "feature"], how="left")["number"]
    lines = lines.assign(feature=number_of_line.to_numpy(int)).sort_values(ORDER, ignore_index=True, kind="stable")
    polygons = polygons.assign(feature=numbers["number"])
    return dict(polygons=polygons[[*POLYGONS, "geometry"]], lines=lines[[*LINES, "geometry"]])


def plain_rows(frame: geopandas.GeoDataFrame) -> list[tuple]:
    """All rows to the last bit."""
    bits = frame.to_wkb() if len(frame) else frame
    return [tuple(map(_bits, row)) for row in bits.itertuples(index=False, name=None)]


def arrow_rows(table: pa.Table) -> list[tuple]:
    """The same of rows of a map (columns CONTENT)."""
    return [
        tuple(map(_bits, row)) for row in zip(*(table[name].to_pylist() for name in table.column_names), strict=True)
    ]


def _bits(value: object) -> object:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "missing"
    return float(value).hex() if isinstance(value, float) else value
