"""calibrate: what a network's scores are worth, by ground with known truth."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_json
from orbitile.calibration.catalogue_sample import CatalogueJudge
from orbitile.calibration.figures import with_figures
from orbitile.calibration.judged_sample import BLOCKS_TO_CALIBRATE
from orbitile.calibration.network_calibration import NetworkCalibration
from orbitile.detections.matching import MatchCriteria
from orbitile.detections.nms.catalogue_nms import catalogue_nms, select_candidates
from orbitile.detections.nms.settings import NmsSettings
from orbitile.detections.truth_on_ground import SearchedScenes, TruthOnGround
from orbitile.pictures.calibration_picture import draw_calibration
from orbitile.tables.craters import Craters, CraterTable
from orbitile.tables.enlarged_rasters import NOT_ENLARGED
from orbitile.tables.parquet import read_table
from orbitile.tables.tiles import read_appearances

log = logging.getLogger(__name__)


class CalibrationOutputs(NamedTuple):
    """Where the calibration (JSON) and its picture (PNG) go."""

    calibration: str
    picture: str


class CalibrationInputs(NamedTuple):
    """The groups' tables of detections, of rasters and of tiles.

    `failed` are the exclusions of the run, `enlarged` holds the factors of scales in enlarged pixels.
    """

    detections: Sequence[str]
    rasters: Sequence[str]
    tiles: Sequence[str]
    failed: Sequence[Mapping[str, str]] = ()
    enlarged: Mapping[float, int] = NOT_ENLARGED


def calibrate(
    tables: CalibrationInputs, truth: CraterTable, criteria: MatchCriteria, nms: NmsSettings,
    outputs: CalibrationOutputs, model_sha256: str, unmapped_scenes: int = 0,
) -> None:  # fmt: skip
    """Judge the detections of all groups by a table of true craters, and write what their scores are worth.

    All detections take part that inference kept, after suppression among them: `nms` with the score threshold of the
    model, whose weights have the hash `model_sha256`. Where scenes failed nothing is judged. OrbitileError where no
    true crater lies on the scenes.
    """
    scenes = SearchedScenes(tables.rasters, tables.failed, tables.enlarged)
    on_ground, gsd_m = TruthOnGround.read(truth, scenes, criteria, unmapped_scenes, BLOCKS_TO_CALIBRATE)
    if not len(on_ground.judged):
        raise OrbitileError(f"{truth.path}: none of its craters lies on a scene of the run and is large enough "
                            "(evaluation.min_diameter_px); calibration needs true craters")  # fmt: skip
    judge = CatalogueJudge(on_ground, gsd_m, nms.score_threshold)
    table = pd.concat([select_candidates(read_table(path), nms) for path in tables.detections], ignore_index=True)
    survivors = table[catalogue_nms(table, nms).alive]
    columns = ["lon", "lat", "diameter_km", *(["scene"] if unmapped_scenes else [])]
    judge.feed(Craters.of_catalogue(pa.Table.from_pandas(survivors[columns])), survivors["score"].to_numpy())
    text = f"{len(on_ground.judged):,} craters of {Path(truth.path).name}"
    appearances = [tiles for _, tiles in sorted(read_appearances(tables.tiles).items()) if len(tiles)]
    calibration = NetworkCalibration(
        judge.sample().limited(),
        criteria.min_diameter_m / gsd_m,
        criteria.iou_threshold,
        text,
        model_sha256,
        np.concatenate(appearances) if appearances else None,
    )
    stated = with_figures(calibration)
    write_json(outputs.calibration, stated)
    draw_calibration(stated["figures"], outputs.picture)
    log.info("expected calibration error %s, as probabilities %s", *_errors(stated["figures"]))


def _errors(figures: dict) -> tuple[str, str]:
    """The expected calibration errors of scores and of probabilities, with their intervals."""
    errors = figures["calibration_error"]
    texts = [
        "unknown"
        if errors[name] is None
        else "{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})".format(**errors[name])
        for name in ("before", "after")
    ]
    return texts[0], texts[1]
