"""review: what people judged of a catalogue, read back: figures, the corrected catalogue, labels for a training."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import geopandas
import numpy as np
import pandas as pd

from orbitile.base.errors import OrbitileError
from orbitile.base.files import publish, scratch, write_json
from orbitile.base.messages import shorten_names
from orbitile.base.provenance import provenance
from orbitile.catalogue import Catalogue
from orbitile.catalogue import open as open_catalogue
from orbitile.counting.areas import read_polygons_as_one
from orbitile.features.shapes.detection_shapes import VectorStyle, detection_shapes
from orbitile.features.shapes.lonlat_shapes import area_on_sphere_km2, contains_places
from orbitile.gis.layer_styles import crater_styles
from orbitile.review.additions import FramePairing, merge_additions
from orbitile.review.corrected import added_rows, additions_on_rows, corrected_rows, count_verdicts, labels_of
from orbitile.review.judged_rows import agreement_figures, combine_judgements, find_rows, is_detected, still_match
from orbitile.review.judged_sample import sample_precision
from orbitile.review.judgements import ADDED, CIRCLE, FILTER, LIST, MOVED, read_judgements
from orbitile.review.searched_ground import SearchedCraters, Unknown, completeness_of
from orbitile.review.verdicts import FALSE
from orbitile.space.bodies import Body
from orbitile.tables.crater_parts import diameter_range
from orbitile.tables.standalone_files import remove_standalone_files, write_single_files
from orbitile.tables.vector_writers import VectorLayer

log = logging.getLogger(__name__)

FORMATS = ("parquet", "gpkg")
MOST_LISTED = 100
"""Rows that reviewers disagree about, and additions that are left out, that the summary names."""


class ReviewInputs(NamedTuple):
    """The manifest of the catalogue, the files of judgements, and of ground that was searched, if there is any."""

    catalogue: str
    judgements: Sequence[str]
    searched: str | None = None


class ReviewFiles(NamedTuple):
    """Where the results go; the corrected catalogue also as GeoPackage and GeoParquet, beside its CSV."""

    summary: str
    corrected: str
    labels: str


@dataclass(frozen=True)
class ReviewChoice:
    """The sample (rows, seed), who decides where reviewers disagree, the confidence of intervals, and what matches.

    Completeness is that of craters of `min_diameter_m` and more; `scenes_apart` is true of images without a map.
    """

    rows: int
    seed: int
    decides: str | None
    confidence: float
    iou_threshold: float
    min_diameter_m: float
    scenes_apart: bool


class Review(NamedTuple):
    """A catalogue, the judgements of it, the verdicts on its rows (by id; column is_detected), and what was added.

    `sampled` are the verdicts by those judgements alone that may be of the random sample: not of lists that filters
    made. `doubled` are judgements that add a crater where there is a row already; they do not count.
    """

    catalogue: Catalogue
    judgements: pd.DataFrame
    verdicts: pd.DataFrame
    sampled: pd.DataFrame
    additions: pd.DataFrame
    doubled: pd.DataFrame
    choice: ReviewChoice


def read_review(inputs: ReviewInputs, choice: ReviewChoice) -> Review:
    """Read judgements, and settle them to one verdict for each crater; OrbitileError as of `read_judgements`."""
    catalogue = open_catalogue(inputs.catalogue)
    body, paths = catalogue.body, [Path(path) for path in inputs.judgements]
    judgements = read_judgements(paths, catalogue.metadata.get("sha256"), body)
    if judgements.empty:
        raise OrbitileError(f"{shorten_names(map(str, paths))}: no verdict stands there; judge first, and save")
    rows = find_rows(catalogue, judgements)
    verdicts = _settled(judgements, rows, choice, body)
    is_filtered = judgements[LIST] == FILTER
    sampled = _settled(judgements[~is_filtered], rows, choice, body) if is_filtered.any() else verdicts
    pairing = FramePairing(choice.iou_threshold, body.radius_m, choice.scenes_apart)
    is_doubled = additions_on_rows(catalogue, judgements, verdicts, pairing)
    counting = judgements[~is_doubled]
    additions = merge_additions(counting, pairing)
    return Review(catalogue, counting, verdicts, sampled, additions, judgements[is_doubled], choice)


def _settled(judgements: pd.DataFrame, rows: pd.DataFrame, choice: ReviewChoice, body: Body) -> pd.DataFrame:
    """The verdicts on judged rows, by id, with the column is_detected."""
    verdicts = combine_judgements(judgements, rows, choice.decides)
    if verdicts.empty:
        return verdicts.assign(is_detected="")
    matches = still_match(verdicts, rows, choice.iou_threshold, body.radius_m)
    return verdicts.assign(is_detected=is_detected(verdicts, matches))


def write_review(inputs: ReviewInputs, choice: ReviewChoice, style: VectorStyle, files: ReviewFiles) -> None:
    """Write the corrected catalogue, the labels, and last all figures; each file appears completely or not at all."""
    Path(files.summary).unlink(missing_ok=True)
    review = read_review(inputs, choice)
    rows, vectors = _write_corrected(review, style, files)
    precision = _precision(review)
    completeness = _completeness(review, inputs.searched)
    about = dict(
        catalogue_sha256=review.catalogue.metadata.get("sha256"), judgements=_described(review),
        agreement=agreement_figures(review.judgements), precision=_figures(precision),
        completeness=_figures(completeness), corrected=dict(rows=rows, files=vectors),
        doubled=review.doubled[["reviewer", *CIRCLE]].head(MOST_LISTED).to_dict("records"),
        settings=asdict(choice), **provenance(),
    )  # fmt: skip
    write_json(files.summary, about)
    _log(review, precision, completeness)


def _write_corrected(review: Review, style: VectorStyle, files: ReviewFiles) -> tuple[int, list[dict]]:
    """Write the corrected catalogue in all formats, and the labels, in a single pass; its rows, and its vector files.

    Where the catalogue has too many rows for polygons in a single file, there are points in a GeoParquet.
    """
    catalogue, stem = review.catalogue, str(Path(files.corrected).with_suffix(""))
    remove_standalone_files(stem)
    parts = [catalogue.manifest.parent / part["path"] for part in catalogue.metadata["parts"]]
    described = {"orbitile": json.dumps(dict(catalogue_sha256=catalogue.metadata.get("sha256"), **provenance()))}
    fits = len(catalogue) <= style.rows_per_file
    kind, formats = ("Polygon", FORMATS) if fits else ("Point", FORMATS[:1])
    layer = VectorLayer(stem, kind, catalogue.body.crs, described, crater_styles(diameter_range(parts)))
    frames = chain(corrected_rows(catalogue, review.verdicts), [added_rows(catalogue, review.additions)])
    with scratch(files.corrected) as table, scratch(files.labels) as labels:
        shapes = (_with_shapes(frame, kind, style, catalogue.body) for frame in _with_texts(frames, table, labels))
        written = write_single_files(shapes, layer, formats)
        publish({table: Path(files.corrected), labels: Path(files.labels)})
    return written[0]["rows"], written


def _with_shapes(frame: pd.DataFrame, kind: str, style: VectorStyle, body: Body) -> geopandas.GeoDataFrame:
    if kind == "Polygon":
        return detection_shapes(frame, style, body)
    return geopandas.GeoDataFrame(frame, geometry=geopandas.points_from_xy(frame["lon"], frame["lat"]), crs=body.crs)


def _with_texts(frames: Iterator[pd.DataFrame], table: Path, labels: Path) -> Iterator[pd.DataFrame]:
    """The frames, which are written on the way as text, as labels too."""
    with open(table, "w", newline="") as rows, open(labels, "w", newline="") as lines:
        for number, frame in enumerate(frames):
            frame.to_csv(rows, index=False, header=number == 0, lineterminator="\n")
            labels_of(frame).to_csv(lines, index=False, header=number == 0, lineterminator="\n")
            yield frame


def _precision(review: Review) -> dict[str, Any] | Unknown:
    choice, sampled = review.choice, review.sampled["is_detected"]
    if sampled.empty and len(review.verdicts):
        return Unknown(
            "filters chose all rows that were judged, which are no sample of the catalogue; judge the random sample"
        )
    return sample_precision(review.catalogue, sampled, choice.rows, choice.seed, choice.confidence)


def _completeness(review: Review, searched: str | None) -> dict[str, Any] | Unknown:
    """The completeness on the ground of a vector file."""
    if searched is None:
        return Unknown("no ground is said to have been searched entirely; name its polygons in review.searched")
    choice, body = review.choice, review.catalogue.body
    shape = read_polygons_as_one(searched, body)

    def is_counted(frame: pd.DataFrame) -> np.ndarray:
        lon, lat, diameter_km = frame[list(CIRCLE)].to_numpy(float).T
        return contains_places(shape, lon, lat) & (1000 * diameter_km >= choice.min_diameter_m)

    batches = (batch.to_pandas() for batch in review.catalogue.batches(["id", *CIRCLE]))
    rows = pd.concat([frame[is_counted(frame)] for frame in batches])
    rows = rows.assign(is_detected=rows["id"].map(review.verdicts["is_detected"]))
    moved_away = review.verdicts[(review.verdicts["verdict"] == MOVED) & (review.verdicts["is_detected"] == FALSE)]
    elsewhere = int(is_counted(moved_away).sum())
    missed = int(is_counted(review.additions).sum()) + elsewhere
    is_added, is_of_rows = review.judgements["verdict"] == ADDED, review.judgements["id"].isin(rows["id"])
    is_there = np.where(is_added, is_counted(review.judgements), is_of_rows)
    ground = SearchedCraters(rows, missed, elsewhere, review.judgements[is_there])
    figures = completeness_of(ground, choice.confidence, choice.iou_threshold, body.radius_m)
    if isinstance(figures, Unknown):
        return figures
    limits = dict(from_km=choice.min_diameter_m / 1000, area_km2=round(area_on_sphere_km2(shape, body.radius_m), 3))
    return dict(searched=searched) | limits | figures


def _figures(figures: Mapping[str, Any] | Unknown) -> dict[str, Any]:
    return dict(unknown=figures.reason) if isinstance(figures, Unknown) else dict(figures)


def _described(review: Review) -> dict[str, Any]:
    reviewers = {
        str(name): count_verdicts(group["verdict"].tolist())
        for name, group in review.judgements.groupby("reviewer", sort=True)
    }
    disputed = review.verdicts[review.verdicts["is_disputed"]]
    settled = count_verdicts([*review.verdicts["verdict"], *[ADDED] * len(review.additions)])
    ids = disputed.index[:MOST_LISTED].tolist()
    by_filter = int((review.judgements[LIST] == FILTER).sum())
    return dict(
        reviewers=reviewers, verdicts=settled, chosen_by_filter=by_filter, disputed=len(disputed), disputed_ids=ids
    )


def _log(review: Review, precision: Mapping | Unknown, completeness: Mapping | Unknown) -> None:
    log.info("%d rows were judged, %d craters added", len(review.verdicts), len(review.additions))
    for name, figures in (("precision", precision), ("completeness", completeness)):
        text = figures.reason if isinstance(figures, Unknown) else f"{figures['low']:.3f} to {figures['high']:.3f}"
        log.info("%s: %s", name, text)
    if disputed := int(review.verdicts["is_disputed"].sum()):
        log.warning("reviewers disagree about %d rows; review.json names them", disputed)
    if len(review.doubled):
        log.warning("%d craters that were added lie where the catalogue has a row, and are left out; judge those rows "
                    "instead (moved)", len(review.doubled))  # fmt: skip
