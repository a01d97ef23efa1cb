"""judging: the craters of a catalogue as a layer in which people write what they think of them, in QGIS."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd

from orbitile.base.companions import companion_paths
from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_json
from orbitile.base.provenance import provenance
from orbitile.catalogue import Catalogue
from orbitile.catalogue import open as open_catalogue
from orbitile.features.shapes.detection_shapes import VectorStyle, detection_shapes
from orbitile.gis.judging_form import judging_form, verdict_renderer
from orbitile.gis.layer_styles import style_text
from orbitile.review.judgements import CIRCLE, LAYER, VERDICTS
from orbitile.review.sampling import draw_rows
from orbitile.tables.layers import read_layers
from orbitile.tables.vectors import write_vectors

log = logging.getLogger(__name__)

MOST_ROWS = 50_000
"""Of a catalogue that is in the layer entirely; of larger ones the sample is."""
SIZES = ("width_m", "height_m")
FIELDS = ("sample_number", "verdict", "note", "reviewer", "judged_at", "id", *CIRCLE, "scene", "catalogue")
"""Of the layer. Scores are not among them: who sees them judges by them."""


def write_judging_layer(catalogue: str, rows: int, seed: int, style: VectorStyle, manifest: str) -> None:
    """Write judge.gpkg beside the manifest, and the manifest: the sample of rows first, then all others, to MOST_ROWS.

    A layer with verdicts stays as it is; where it is of another catalogue or sample, it is renamed, and a new one is
    written.
    """
    path = Path(manifest).parent / f"{LAYER}.gpkg"
    opened = open_catalogue(catalogue)
    sha256 = str(opened.metadata.get("sha256"))
    table = _rows_to_judge(opened, rows, seed).assign(catalogue=sha256)
    if _keeps(path, table):
        log.info("%s: has verdicts, and stays as it is", path)
    else:
        _write_layer(table, path, style, opened)
    about = dict(layer=path.name, rows=len(table), sample=int(table["sample_number"].notna().sum()), seed=seed)
    write_json(manifest, about | dict(catalogue_sha256=sha256) | provenance())
    log.info("%d of %d rows, of which %d are the sample", len(table), len(opened), about["sample"])


def _rows_to_judge(catalogue: Catalogue, rows: int, seed: int) -> pd.DataFrame:
    """The rows of the layer (columns id, CIRCLE, scene, SIZES, sample_number), those of the sample first."""
    names = ["id", *CIRCLE, "scene", *SIZES]
    if not len(catalogue):
        return pd.DataFrame({name: pd.Series([], dtype=float) for name in [*names, "sample_number"]})
    _, sample = draw_rows(catalogue, rows, seed)
    sample = sample.rename(columns=dict(number="sample_number"))[[*names, "sample_number"]]
    others = catalogue.table(names).to_pandas() if len(catalogue) <= MOST_ROWS else sample[:0][names]
    others = others[~others["id"].isin(sample["id"])].sort_values(["lat", "lon", "id"])
    return pd.concat([sample, others.assign(sample_number=np.nan)], ignore_index=True)


def _write_layer(table: pd.DataFrame, path: Path, style: VectorStyle, catalogue: Catalogue) -> None:
    frame = detection_shapes(table, style, catalogue.body)
    frame = frame.assign(
        sample_number=frame["sample_number"].astype("Int32"), scene=frame["scene"].astype(str),
        judged_at=pd.Series(pd.NaT, frame.index, "datetime64[ms, UTC]"),
        **{name: pd.Series([None] * len(frame), frame.index, object) for name in ("verdict", "note", "reviewer")},
    )  # fmt: skip
    sha256 = str(catalogue.metadata.get("sha256"))
    described = {"orbitile": json.dumps(dict(catalogue_sha256=sha256, **provenance()), sort_keys=True)}
    styles = {"verdict": style_text(verdict_renderer(), judging_form(VERDICTS, sha256))}
    write_vectors(frame[[*FIELDS, "geometry"]], path.with_suffix(""), described, formats=["gpkg"], styles=styles)


def _keeps(path: Path, table: pd.DataFrame) -> bool:
    """Whether a layer has verdicts and is to stay; one that has, and is of other rows, is renamed."""
    if not path.is_file():
        return False
    earlier = _earlier_rows(path)
    if earlier is not None:
        if not earlier["verdict"].notna().any():
            return False
        names = ["id", "sample_number", "catalogue"]
        rows = earlier[earlier["id"].notna()]
        known = [frame[names].astype(str).sort_values("id", ignore_index=True) for frame in (rows, table)]
        if known[0].equals(known[1]):
            return True
    _rename(path)
    return False


def _earlier_rows(path: Path) -> geopandas.GeoDataFrame | None:
    """The rows of a layer, None where it cannot be read."""
    try:
        frame = next(iter(read_layers(path).values()))
    except (OrbitileError, StopIteration):
        return None
    is_ours = {"verdict", "id", "sample_number", "catalogue"} <= set(frame.columns)
    return frame.astype(dict(sample_number=float)) if is_ours else None


def _rename(path: Path) -> None:
    """Give a layer and what belongs to it a name that is free."""
    new = next(name for name in _free_names(path) if not name.exists())
    for companion in (path, *companion_paths(path)):
        if companion.is_file():
            companion.replace(new.with_name(companion.name.replace(path.name, new.name, 1)))
    log.warning("%s: has verdicts on other rows; it is called %s now", path, new.name)


def _free_names(path: Path) -> Iterator[Path]:
    number = 1
    while True:
        yield path.with_stem(f"{path.stem}-{number}")
        number += 1
