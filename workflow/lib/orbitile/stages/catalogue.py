"""catalogue: the survivors of all groups as a dataset, checked against one suppression over all detections."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import geopandas
import pandas as pd
import pyarrow as pa

from orbitile.base.files import write_json
from orbitile.base.provenance import provenance
from orbitile.calibration.statement import CatalogueStatement
from orbitile.detections.nms.catalogue_nms import catalogue_nms
from orbitile.detections.nms.settings import NmsSettings
from orbitile.detections.proof import GroupTables, prove
from orbitile.features.shapes.detection_shapes import VectorStyle, detection_shapes
from orbitile.gis.layer_styles import crater_styles, write_style_file
from orbitile.jobs.summary import nothing_found_text
from orbitile.pipeline import DETECTION
from orbitile.space.bodies import Body
from orbitile.tables.content_hash import ContentHash
from orbitile.tables.crater_parts import ATTRIBUTES, CRATERS, diameter_range, read_longest_chain, read_part
from orbitile.tables.datasets import describe_part, published_parts
from orbitile.tables.detections import ORDER
from orbitile.tables.standalone_files import remove_standalone_files, write_several_files, write_single_files
from orbitile.tables.tiles import read_appearances
from orbitile.tables.vector_parts import rows_that_fit
from orbitile.tables.vector_writers import VectorLayer

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 50_000
"""How many polygons are in memory at a time."""


class CatalogueInputs(NamedTuple):
    """The groups' tables of survivors, and of all their detections; each has its group's name.

    Those of tiles are only read where something is stated of errors.
    """

    suppressed: Sequence[str]
    detections: Sequence[str]
    tiles: Sequence[str] = ()


def catalogue(
    tables: CatalogueInputs, settings: NmsSettings, body: Body, style: VectorStyle, origin: dict, manifest: str,
    statement: CatalogueStatement | None = None,
) -> None:  # fmt: skip
    """Check the groups' survivors and publish them: the dataset, the same in formats that stand alone, the manifest.

    The dataset is a folder beside the manifest, with its name, which holds a part for each group. `origin` says what
    the catalogue was made from; it becomes part of the manifest, as does what a `statement` says of its errors.
    OrbitileError where one suppression over the
    detections of all groups would give another catalogue.
    """
    folder = Path(manifest).with_suffix("")
    remove_standalone_files(str(folder))  # should this fail, nothing of an earlier catalogue is taken for the new one
    detections = {Path(path).stem: path for path in tables.detections}
    with published_parts({Path(path).stem: path for path in tables.suppressed}, folder) as parts:
        proof = prove({group: GroupTables(part, detections[group]) for group, part in parts.items()}, settings)
        chain = max(map(read_longest_chain, parts.values()), default=0)
    counts, paths = proof.groups.values(), [folder / f"{group}.parquet" for group in proof.groups]
    metadata = dict(
        rows=sum(group.rows for group in counts), detections=sum(group.detections for group in counts),
        sha256=ContentHash.joined(group.content for group in counts).text,
        suppressed_globally_alike=True, longest_chain=chain,
        out_of_reach=_out_of_reach(proof.out_of_reach, settings),
        alarm=_alarm(sum(group.rows for group in counts)),
        errors=statement.of_rows(paths, read_appearances(tables.tiles)) if statement else None,
        **origin, **provenance(),
    )  # fmt: skip
    described = {"orbitile": json.dumps(metadata, sort_keys=True)}
    layer = VectorLayer(str(folder), "Polygon", body.crs, described, crater_styles(diameter_range(paths)))
    files = _write_files(metadata["rows"], paths, layer, style, body)
    parts_of_groups = [
        dict(**describe_part(folder / f"{group}.parquet"), sha256=proof.groups[group].content.text)
        for group in sorted(proof.groups)
    ]
    write_json(manifest, metadata | dict(files=files, parts=parts_of_groups))
    log.info("%d rows, SHA-256 %s", metadata["rows"], metadata["sha256"])


def _alarm(rows: int) -> str | None:
    """The loud word where a run found nothing at all, also for the log."""
    if rows:
        return None
    text = nothing_found_text(DETECTION)
    log.warning("%s", text)
    return text


def _write_files(
    rows: int, parts: Sequence[Path], layer: VectorLayer, style: VectorStyle, body: Body
) -> list[dict[str, object]]:
    """Write polygons to a file for each format or, where there are too many rows for that, points to several files."""
    if rows <= rows_that_fit(style.rows_per_file, style.formats, CRATERS, style.vertices):
        if style.formats:
            write_style_file(layer.stem, layer.styles)
        return write_single_files(_shapes(parts, style, body) if style.formats else [], layer, style.formats)
    most_rows = rows_that_fit(style.rows_per_file, style.formats, CRATERS)
    return write_several_files(_batches(parts), replace(layer, kind="Point"), style.formats, most_rows)


def _shapes(parts: Sequence[Path], style: VectorStyle, body: Body) -> Iterator[geopandas.GeoDataFrame]:
    """The polygons of all rows, sorted by ORDER, some at a time."""
    table = pa.concat_tables([read_part(part, ATTRIBUTES) for part in parts])
    rows = table.to_pandas().sort_values(ORDER, ignore_index=True)
    for first in range(0, max(len(rows), 1), ROWS_AT_ONCE):
        yield detection_shapes(rows[first : first + ROWS_AT_ONCE].reset_index(drop=True), style, body)


def _batches(parts: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    for part in parts:
        yield from read_part(part, CRATERS.names).to_batches()


def _out_of_reach(candidates: pd.DataFrame, settings: NmsSettings) -> list[dict]:
    """Objects too large for any scale, each once; whether any tile saw such an object completely is chance."""
    candidates = candidates.sort_values(ORDER, ignore_index=True)
    survivors = candidates[catalogue_nms(candidates, settings).alive]
    if len(survivors):
        log.warning("%d objects are larger than the largest size of the coarsest scale and are left out; they are "
                    "listed as out_of_reach in the catalogue's .json; add a coarser scale to include them",
                    len(survivors))  # fmt: skip
    return json.loads(survivors[["scene", "score", "lon", "lat", "diameter_km"]].to_json(orient="records"))
