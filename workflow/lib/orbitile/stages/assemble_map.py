"""assemble_map: the polygons and lines of all scenes as one map."""

import hashlib
import json
import logging
from collections.abc import Sequence
from typing import NamedTuple

import geopandas
import numpy as np
import pandas as pd

from orbitile.base.files import atomic, write_json
from orbitile.base.provenance import provenance
from orbitile.features.filter import PolygonFilters
from orbitile.features.join import FeatureLayer, feature_layers
from orbitile.features.measure import measure_features
from orbitile.features.summary import draw_rose, summarise
from orbitile.space.bodies import Body
from orbitile.tables.features import LINES, ORDER, POLYGONS, TYPES
from orbitile.tables.masks import OUTLINES
from orbitile.tables.parquet import read_pieces
from orbitile.tables.rasters import read_rasters
from orbitile.tables.vectors import add_georef_methods, count_georef_methods, write_vectors

log = logging.getLogger(__name__)


class MapInputs(NamedTuple):
    """The groups' tables of outlines, and of the rasters that these are outlines of."""

    outlines: Sequence[str]
    stitched: Sequence[str]


class MapOutputs(NamedTuple):
    """Paths to write: polygons and lines (several formats, by their stem), the table of figures, the rose diagram."""

    polygons: str
    lines: str
    summary: str
    rose: str


class FilteredFeatures(NamedTuple):
    """Polygons and lines that stay, and the dropped polygons with class, scale_m and reason."""

    polygons: geopandas.GeoDataFrame
    lines: geopandas.GeoDataFrame
    dropped: pd.DataFrame


def assemble_map(inputs: MapInputs, filters: PolygonFilters, body: Body, origin: dict, outputs: MapOutputs) -> None:
    """Join the groups' outlines over all borders, measure and filter them, and write the map.

    Seams of scenes that were merged from strips, which the rasters' tables name, count as those of the filters.
    `origin` says what the map was made from; it becomes part of the metadata.
    """
    rasters = {(row.scene, row.scale_m): row for path in inputs.stitched for row in read_rasters(path)}
    filters = filters.with_seams({row.scene: row.seams for row in rasters.values() if row.seams}, body)
    outlines = read_pieces(inputs.outlines, OUTLINES)
    layers = [_filtered(layer, filters, body) for layer in feature_layers(outlines, rasters, body.radius_m)]
    polygons, lines, dropped = _numbered(layers, body)
    methods = {row.scene: dict(georef_method=row.georef_method, error_m=row.error_m) for row in rasters.values()}
    metadata = dict(
        rows=len(polygons), what="polygons on the map", lines=len(lines), area_m2=float(polygons["area_m2"].sum()),
        length_m=float(lines["length_m"].sum()), dropped=dropped["reason"].value_counts().to_dict(),
        sha256=_hash(polygons, lines), georef_methods=count_georef_methods(methods), **origin, **provenance(),
    )  # fmt: skip
    in_files = {"orbitile": json.dumps(metadata, sort_keys=True)}
    with atomic(outputs.summary) as temporary:
        summarise(polygons, lines, dropped).to_csv(temporary, index=False)
    draw_rose(lines, body.radius_m, outputs.rose)
    write_vectors(add_georef_methods(polygons, methods), outputs.polygons, in_files)
    write_vectors(add_georef_methods(lines, methods), outputs.lines, in_files, "LineString")
    write_json(f"{outputs.polygons}.json", metadata)
    log.info(
        "%d polygons, %d lines; %d polygons dropped: %s", len(polygons), len(lines), len(dropped), metadata["dropped"]
    )


def _filtered(layer: FeatureLayer, filters: PolygonFilters, body: Body) -> FilteredFeatures:
    polygons, lines = measure_features(layer, body)
    reason = filters.reasons(layer, polygons["area_m2"].to_numpy(), body.radius_m)
    stays = reason.isna().to_numpy()
    dropped = polygons.loc[~stays, ["class", "scale_m"]].assign(reason=reason[~stays])
    return FilteredFeatures(polygons[stays], lines[stays[lines["feature"].to_numpy(int)]], dropped)


def _empty_features(body: Body) -> FilteredFeatures:
    """Tables without rows."""
    polygons, lines = (
        geopandas.GeoDataFrame({name: pd.Series(dtype=TYPES[name]) for name in names}, geometry=[], crs=body.crs)
        for names in (POLYGONS, LINES)
    )
    return FilteredFeatures(polygons, lines, pd.DataFrame(columns=["class", "scale_m", "reason"]))


def _numbered(layers: Sequence[FilteredFeatures], body: Body) -> FilteredFeatures:
    """All layers as one, polygons numbered in their order from 1 and lines by their polygons."""
    parts = [[table.assign(layer=n) for table in layer] for n, layer in enumerate(layers)]
    if not parts:
        return _empty_features(body)
    polygons, lines, dropped = (pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))
    polygons = polygons.sort_values(ORDER, ignore_index=True, kind="stable")
    numbers = polygons[["layer", "feature"]].assign(number=np.arange(1, len(polygons) + 1))
    number_of_line = lines[["layer", "feature"]].merge(numbers, on=["layer", "feature"], how="left")["number"]
    lines = lines.assign(feature=number_of_line.to_numpy(int)).sort_values(ORDER, ignore_index=True, kind="stable")
    polygons = polygons.assign(feature=numbers["number"])
    return FilteredFeatures(polygons[[*POLYGONS, "geometry"]], lines[[*LINES, "geometry"]], dropped)


def _hash(*frames: geopandas.GeoDataFrame) -> str:
    """SHA-256 of all rows in their order, whatever the file format."""
    digest = hashlib.sha256()
    for frame in frames:
        plain = pd.DataFrame(frame.drop(columns="geometry"))
        digest.update(plain.to_json(orient="split", double_precision=15).encode())
        for shape in frame.geometry.to_wkb():
            digest.update(shape)
    return digest.hexdigest()
