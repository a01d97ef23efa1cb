"""catalogue: all groups' survivors in one table, checked against one suppression over all detections."""

import hashlib
import json
import logging
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_json
from orbitile.base.provenance import provenance
from orbitile.detections.nms.catalogue_nms import catalogue_nms, select_candidates
from orbitile.detections.nms.settings import NmsSettings
from orbitile.features.shapes.detection_shapes import VectorStyle, detection_shapes
from orbitile.space.bodies import Body
from orbitile.tables.detections import DETECTIONS, GEOLOCATED, ORDER
from orbitile.tables.parquet import read_pieces
from orbitile.tables.vectors import count_georef_methods, write_vectors

log = logging.getLogger(__name__)


class CatalogueInputs(NamedTuple):
    """The groups' tables of survivors, and of all their detections."""

    suppressed: Sequence[str]
    detections: Sequence[str]


def catalogue(
    tables: CatalogueInputs, settings: NmsSettings, body: Body, style: VectorStyle, origin: dict, stem: str
) -> None:
    """Join the groups' survivors and write stem.parquet, .gpkg, .shp and the metadata as stem.json.

    `origin` says what the catalogue was made from; it becomes part of the metadata. OrbitileError where one
    suppression over the detections of all groups would give another catalogue.
    """
    survivors = _sorted_rows(tables.suppressed, DETECTIONS)
    detections = _sorted_rows(tables.detections, GEOLOCATED)
    candidates = select_candidates(detections, settings)
    result = catalogue_nms(candidates, settings)
    _check_global(survivors, candidates[result.alive][DETECTIONS.names].reset_index(drop=True))
    metadata = dict(
        rows=len(survivors), detections=len(detections), sha256=content_hash(survivors),
        suppressed_globally_alike=True, longest_chain=result.longest_chain,
        out_of_reach=_out_of_reach(detections, settings), georef_methods=count_georef_methods(style.georef_methods),
        **origin, **provenance(),
    )  # fmt: skip
    shapes = detection_shapes(survivors, style, body)
    write_vectors(shapes, stem, {"orbitile": json.dumps(metadata, sort_keys=True)})
    write_json(f"{stem}.json", metadata)
    log.info("%d rows, SHA-256 %s", len(survivors), metadata["sha256"])


def _out_of_reach(detections: pd.DataFrame, settings: NmsSettings) -> list[dict]:
    """Objects too large for any scale, each once; whether any tile saw such an object completely is chance."""
    candidates = select_candidates(detections, settings, out_of_reach=True)
    survivors = candidates[catalogue_nms(candidates, settings).alive]
    if len(survivors):
        log.warning("%d objects are larger than the largest size of the coarsest scale and are left out; they are "
                    "listed as out_of_reach in the catalogue's .json; add a coarser scale to include them",
                    len(survivors))  # fmt: skip
    return json.loads(survivors[["scene", "score", "lon", "lat", "diameter_km"]].to_json(orient="records"))


def content_hash(table: pd.DataFrame) -> str:
    """SHA-256 of a catalogue's rows in their order, whatever the file format."""
    arrow = pa.Table.from_pandas(table[DETECTIONS.names], DETECTIONS, preserve_index=False).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, arrow.schema) as writer:
        writer.write_table(arrow)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _sorted_rows(paths: Sequence[str], schema: pa.Schema) -> pd.DataFrame:
    """The rows of all tables, sorted by ORDER."""
    return read_pieces(paths, schema).sort_values(ORDER, ignore_index=True)


def _check_global(survivors: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Raise OrbitileError for a catalogue that suppression over all groups at once would not give."""
    if survivors.equals(expected):
        return
    merged = survivors.merge(expected, how="outer", indicator=True)
    first = merged.sort_values("_merge", key=lambda side: side == "both").iloc[0]
    raise OrbitileError(
        f"catalogue: suppression group by group leaves {len(survivors)} detections, one suppression over all groups "
        f"leaves {len(expected)}; the first difference is in scene {first['scene']} "
        f"at {first['lon']:.4f} E, {first['lat']:.4f} N ({first['diameter_km']:.2f} km)"
    )
