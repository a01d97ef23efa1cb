"""evaluate: a catalogue of craters compared with a table of true ones."""

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from orbitile import catalogue
from orbitile.base.files import write_json
from orbitile.detections.match_tally import MatchTally, SizeClasses, score_thresholds
from orbitile.detections.matching import MatchCriteria
from orbitile.detections.truth_on_ground import SearchedScenes, TruthOnGround
from orbitile.features.match_figures import match_figures
from orbitile.pictures.match_picture import draw_matches
from orbitile.tables.craters import Craters, CraterTable
from orbitile.tables.enlarged_rasters import NOT_ENLARGED

log = logging.getLogger(__name__)


class EvaluatedRun(NamedTuple):
    """The manifest of a catalogue, which holds scores from `score_threshold` on, and the groups' tables of rasters.

    `enlarged` holds the factors of scales in enlarged pixels. A run in pixel coordinates has so many `unmapped_scenes`.
    """

    catalogue: str
    rasters: Sequence[str]
    score_threshold: float = 0.0
    enlarged: Mapping[float, int] = NOT_ENLARGED
    unmapped_scenes: int = 0


class EvaluationOutputs(NamedTuple):
    """Where the figures (JSON) and their plot go."""

    metrics: str
    plot: str


def evaluate_catalogue(
    run: EvaluatedRun, truth: CraterTable, criteria: MatchCriteria, outputs: EvaluationOutputs
) -> None:
    """Write precision, recall and F1 by a table of true craters, overall and by size, place and score.

    The catalogue is read part by part. Only craters whose centre lies on valid pixels of a scene that did not fail are
    judged; scenes in pixel coordinates are judged one by one. Where no true crater is judged, measures are null, with
    a warning. OrbitileError where a table lacks a column or one of its numbers.
    """
    opened = catalogue.open(run.catalogue)
    scenes = SearchedScenes(run.rasters, opened.metadata.get("exclusions", ()), run.enlarged)
    on_ground, gsd_m = TruthOnGround.read(truth, scenes, criteria, run.unmapped_scenes)
    classes = SizeClasses.of(criteria.min_diameter_m, gsd_m)
    scores = score_thresholds(run.score_threshold)
    tally = MatchTally(on_ground, classes, scores)
    columns = ["lon", "lat", "diameter_km", "score", *(["scene"] if run.unmapped_scenes else [])]
    for part in opened.tables(columns):
        tally.feed(Craters.of_catalogue(part), part["score"].to_numpy())
    figures = match_figures(tally.totals(), classes, scores, tally.blocks)
    figures |= dict(iou=criteria.iou_threshold, min_diameter_km=criteria.min_diameter_m / 1000)
    write_json(outputs.metrics, figures)
    draw_matches(figures, outputs.plot)
    if figures["n_truth"]:
        log.info("F1 %(f1).3f, precision %(precision).3f, recall %(recall).3f", figures)
    else:
        log.warning("%s: %s; precision, recall and F1 are not defined", truth.path, _unjudged_reason(on_ground))


def _unjudged_reason(truth: TruthOnGround) -> str:
    """Why no true crater is judged, and which table or settings would change that."""
    count = len(truth.true)
    if not any(map(len, truth.on_ground.values())):
        reason = f"none of its {count:,} craters lies on valid pixels of a scene" if count else "has no craters"
        return f"{reason}: give a table of this ground (evaluation.truth)"
    least_km = truth.criteria.min_diameter_m / 1000
    return (
        f"none of its craters on the scenes is judged, as they are smaller than {least_km:g} km "
        "(evaluation.min_diameter_px) or doubtful (evaluation.least_agreement)"
    )
