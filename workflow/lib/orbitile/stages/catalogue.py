"""catalogue: all groups' survivors in one table, with the proof that the groups agree."""

import hashlib
import json
import logging

import geopandas
import pandas as pd
import pyarrow as pa

from orbitile.errors import OrbitileError
from orbitile.files import write_json
from orbitile.space.bodies import Body
from orbitile.stages.suppress import Rules, competing, surviving
from orbitile.stages.vectorise import Look, shapes
from orbitile.tables.detections import DETECTIONS, ORDER, PLACED
from orbitile.tables.parquet import read_pieces
from orbitile.tables.vectors import ways_taken, write_vectors

log = logging.getLogger(__name__)


def catalogue(groups: dict[str, list[str]], rules: Rules, body: Body, look: Look, origin: dict, stem: str) -> None:
    """Unite the groups and write stem.parquet, .gpkg, .shp and the proof stem.json.

    `groups` holds the groups' tables of "detections" and of "suppressed"; `origin` is what the catalogue was made from,
    kept as its metadata.
    """
    united = _united(groups["suppressed"], DETECTIONS)
    whole = _united(groups["detections"], PLACED)
    candidates = competing(whole, rules)
    survival = surviving(candidates, rules)
    _compare(united, candidates[survival.alive][DETECTIONS.names].reset_index(drop=True))
    proof = dict(
        rows=len(united), detections=len(whole), sha256=content_hash(united), suppressed_globally_alike=True,
        longest_chain=survival.longest_chain, out_of_reach=_out_of_reach(whole, rules), ways=ways_taken(look.ways),
        **origin,
    )  # fmt: skip
    frame: geopandas.GeoDataFrame = shapes(united, look, body)
    write_vectors(frame, stem, {"orbitile": json.dumps(proof, sort_keys=True)})
    write_json(f"{stem}.json", proof)
    log.info("%d rows, SHA-256 %s", len(united), proof["sha256"])


def _out_of_reach(detections: pd.DataFrame, rules: Rules) -> list[dict]:
    """Objects too large for any scale, each once; whether a tile saw one of them whole is chance."""
    candidates = competing(detections, rules, out_of_reach=True)
    found = candidates[surviving(candidates, rules).alive]
    if len(found):
        log.warning("%d objects are larger than the coarsest scale answers for, and left out: see out_of_reach in the "
                    "catalogue's .json; a coarser scale would find them", len(found))  # fmt: skip
    return json.loads(found[["scene", "score", "lon", "lat", "diameter_km"]].to_json(orient="records"))


def content_hash(table: pd.DataFrame) -> str:
    """SHA-256 of a catalogue's rows in their order, whatever the file format."""
    arrow = pa.Table.from_pandas(table[DETECTIONS.names], DETECTIONS, preserve_index=False).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, arrow.schema) as writer:
        writer.write_table(arrow)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _united(paths: list[str], schema: pa.Schema) -> pd.DataFrame:
    return read_pieces(paths, schema).sort_values(ORDER, ignore_index=True)


def _compare(united: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Refuse a catalogue that suppression over all groups at once would not give."""
    if united.equals(expected):
        return
    both = united.merge(expected, how="outer", indicator=True)
    odd = both.sort_values("_merge", key=lambda side: side == "both").iloc[0]
    raise OrbitileError(
        f"catalogue: {len(united)} survivors of the groups, but {len(expected)} of one suppression over all; "
        f"the first that differs is in scene {odd['scene']} "
        f"at {odd['lon']:.4f} E, {odd['lat']:.4f} N ({odd['diameter_km']:.2f} km)"
    )
