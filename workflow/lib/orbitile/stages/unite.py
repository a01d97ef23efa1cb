"""unite: the polygons and lines of all scenes as one map."""

import hashlib
import json
import logging
from collections.abc import Sequence
from typing import NamedTuple

import geopandas
import numpy as np
import pandas as pd

from orbitile.files import atomic, write_json
from orbitile.mapping.filtering import Filters
from orbitile.mapping.joining import Layer, layers
from orbitile.mapping.measuring import measured
from orbitile.mapping.summary import draw_rose, summary
from orbitile.space.bodies import Body
from orbitile.tables.features import LINES, ORDER, POLYGONS, TYPES
from orbitile.tables.masks import OUTLINES
from orbitile.tables.parquet import read_pieces
from orbitile.tables.rasters import read_rasters
from orbitile.tables.vectors import ways_taken, with_ways, write_vectors

log = logging.getLogger(__name__)


class Groups(NamedTuple):
    """The groups' tables of outlines, and of the rasters that these are outlines of."""

    outlines: Sequence[str]
    stitched: Sequence[str]


class Results(NamedTuple):
    """What is written: polygons and lines (files of several formats, by their stem), figures, rose diagram."""

    polygons: str
    lines: str
    summary: str
    rose: str


class Mapped(NamedTuple):
    """Polygons and lines that stay, and those that do not: class, scale_m, reason."""

    polygons: geopandas.GeoDataFrame
    lines: geopandas.GeoDataFrame
    dropped: pd.DataFrame


def unite(groups: Groups, filters: Filters, body: Body, origin: dict, results: Results) -> None:
    """Join the groups' outlines over all borders, measure and filter them, and write the map.

    Seams of scenes that were merged from strips, which the rasters' tables name, count as those of the filters.
    `origin` is what the map was made from, kept in its metadata.
    """
    rasters = {(row.scene, row.scale_m): row for path in groups.stitched for row in read_rasters(path)}
    filters = filters.with_seams({row.scene: row.seams for row in rasters.values() if row.seams}, body)
    pieces = read_pieces(groups.outlines, OUTLINES)
    found = [_mapped(layer, filters, body) for layer in layers(pieces, rasters, body.radius_m)]
    polygons, lines, dropped = _numbered(found, body)
    ways = {row.scene: dict(way=row.way, error_m=row.error_m) for row in rasters.values()}
    proof = dict(
        rows=len(polygons), what="polygons on the map", lines=len(lines), area_m2=float(polygons["area_m2"].sum()),
        length_m=float(lines["length_m"].sum()), dropped=dropped["reason"].value_counts().to_dict(),
        sha256=_hash(polygons, lines), ways=ways_taken(ways), **origin,
    )  # fmt: skip
    about = {"orbitile": json.dumps(proof, sort_keys=True)}
    with atomic(results.summary) as temporary:
        summary(polygons, lines, dropped).to_csv(temporary, index=False)
    draw_rose(lines, body.radius_m, results.rose)
    write_vectors(with_ways(polygons, ways), results.polygons, about)
    write_vectors(with_ways(lines, ways), results.lines, about, "LineString")
    write_json(f"{results.polygons}.json", proof)
    log.info(
        "%d polygons, %d lines; %d polygons dropped: %s", len(polygons), len(lines), len(dropped), proof["dropped"]
    )


def _mapped(layer: Layer, filters: Filters, body: Body) -> Mapped:
    polygons, lines = measured(layer, body)
    reason = filters.reasons(layer, polygons["area_m2"].to_numpy(), body.radius_m)
    stays = reason.isna().to_numpy()
    dropped = polygons.loc[~stays, ["class", "scale_m"]].assign(reason=reason[~stays])
    return Mapped(polygons[stays], lines[stays[lines["feature"].to_numpy(int)]], dropped)


def _nothing(body: Body) -> Mapped:
    """Tables without rows."""
    empty = [
        geopandas.GeoDataFrame({name: pd.Series(dtype=TYPES[name]) for name in names}, geometry=[], crs=body.crs)
        for names in (POLYGONS, LINES)
    ]
    return Mapped(*empty, pd.DataFrame(columns=["class", "scale_m", "reason"]))


def _numbered(found: Sequence[Mapped], body: Body) -> Mapped:
    """All layers as one, polygons numbered in their order from 1 and lines by their polygons."""
    parts = [[table.assign(layer=n) for table in mapped] for n, mapped in enumerate(found)]
    if not parts:
        return _nothing(body)
    polygons, lines, dropped = (pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))
    polygons = polygons.sort_values(ORDER, ignore_index=True, kind="stable")
    numbers = polygons[["layer", "feature"]].assign(number=np.arange(1, len(polygons) + 1))
    number_of = lines[["layer", "feature"]].merge(numbers, on=["layer", "feature"], how="left")["number"]
    lines = lines.assign(feature=number_of.to_numpy(int)).sort_values(ORDER, ignore_index=True, kind="stable")
    polygons = polygons.assign(feature=numbers["number"])
    return Mapped(polygons[[*POLYGONS, "geometry"]], lines[[*LINES, "geometry"]], dropped)


def _hash(*frames: geopandas.GeoDataFrame) -> str:
    """SHA-256 of all rows in their order, whatever the file format."""
    digest = hashlib.sha256()
    for frame in frames:
        plain = pd.DataFrame(frame.drop(columns="geometry"))
        digest.update(plain.to_json(orient="split", double_precision=15).encode())
        for shape in frame.geometry.to_wkb():
            digest.update(shape)
    return digest.hexdigest()
