from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from judged_samples import made_up_sample

from orbitile.calibration.network_calibration import NetworkCalibration
from orbitile.calibration.row_confidence import RowConfidence
from orbitile.calibration.statement import CatalogueStatement, ScoreChoice, statement_text
from orbitile.space.bodies import find_body
from orbitile.tables.crater_parts import write_part

CONFIDENCE = RowConfidence(NetworkCalibration(made_up_sample(blocks=200), 10.0, 0.3, "made-up craters"), 0.9, 500.0)


@pytest.fixture
def part(detections, tmp_path):
    """A part of a catalogue with rows of some scores and a diameter of 8 km, the last one of 1 km."""

    def write(scores):
        sizes = np.array([8000.0] * (len(scores) - 1) + [1000.0])
        rows = pd.concat(
            [detections([5 * n], 0, size, [score]) for n, (score, size) in enumerate(zip(scores, sizes, strict=True))]
        )
        columns = CONFIDENCE.columns(rows["score"].to_numpy(), rows["diameter_km"].to_numpy() * 1000)
        methods = {scene: dict(georef_method="projected", error_m=None) for scene in rows["scene"].unique()}
        write_part(rows.assign(**columns), methods, find_body("Moon"), 1, tmp_path / "part.parquet")
        return tmp_path / "part.parquet"

    return write


def test_a_catalogue_says_how_many_of_its_rows_are_likely_false(part):
    scores = [0.9, 0.8, 0.7, 0.9]
    stated = CatalogueStatement(CONFIDENCE, ScoreChoice(0.7)).of_rows(
        [part(scores), part(scores)], {"a": np.zeros((0, 14))}
    )
    likely = CONFIDENCE.calibration.scores.probability(np.array(scores[:3]), np.full(3, 16.0))
    assert stated["expected_false_share"] == pytest.approx(1 - likely.mean(), abs=1e-4)
    assert (stated["judged_rows"], stated["judged_from_m"], stated["blocks"]) == (6, 5000, 200)
    assert stated["fdr_bound"] == CONFIDENCE.bound(0.7)
    assert stated["score_threshold"] == 0.7
    assert (stated["scenes"], stated["compared_scenes"], stated["unlike_scenes"]) == (1, 0, 0)
    assert stated["text"].endswith(
        "calibrated on made-up craters in 200 blocks; whether the images are like those is not known"
    )


def test_a_statement_as_a_line_of_a_paper():
    stated = dict(
        judged_from_m=5000.7, basis="1,158 craters", blocks=128, unit="blocks", fdr_bound=0.1, confidence=0.9,
        expected_false_share=0.0871, complete_50_m=5133.4, complete_90_m=None,
        scenes=9, compared_scenes=8, unlike_scenes=0, unlike_by={},
    )  # fmt: skip
    assert statement_text(stated) == (
        "of the objects of 5 km and more at most 10% are false with 90% confidence, 8.7% are expected to be; 50 % "
        "complete from 5.13 km on; calibrated on 1,158 craters in 128 blocks"
    )
    contradicted = stated | dict(expected_false_share=0.424, complete_50_m=None)
    assert statement_text(contradicted).startswith(
        "of the objects of 5 km and more 42.4% are expected to be false: the promise that at most 10% are false with "
        "90% confidence does not hold here; calibrated on"
    )
    without = contradicted | dict(fdr_bound=None)
    assert statement_text(without).startswith(
        "of the objects of 5 km and more 42.4% are expected to be false; calibrated"
    )
    unknown = stated | dict(fdr_bound=None, expected_false_share=None, complete_50_m=None)
    assert statement_text(unknown) == "calibrated on 1,158 craters in 128 blocks"
    unlike = unknown | dict(unlike_scenes=3, unlike_by=dict(light=2, roughness=1))
    assert statement_text(unlike) == (
        "calibrated on 1,158 craters in 128 blocks; it does not carry over to 3 of 9 scenes, whose images are unlike "
        "those (light 2, roughness 1)"
    )


def test_a_statement_counts_scenes_that_look_otherwise():
    """Made-up appearances: one scene is far brighter."""
    usual = np.random.default_rng(0).normal(0, 0.1, (60, 14))
    calibration = replace(CONFIDENCE.calibration, appearances=usual)
    statement = CatalogueStatement(replace(CONFIDENCE, calibration=calibration), ScoreChoice(0.7))
    bright = usual[:5] + np.array([90, *[0] * 13])
    stated = statement.of_rows([], {"a": usual[:5], "b": bright, "c": usual[:0]})
    assert (stated["scenes"], stated["compared_scenes"], stated["unlike_by"]) == (3, 2, dict(brightness=1))


def test_without_a_calibration_there_is_no_statement(tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"any")
    source = dict(path=str(tmp_path / "weights.pt"), model_sha256="ab", confidence=0.9, finest_m=5.0)
    assert CatalogueStatement.read(source, ScoreChoice(0.3)) is None
    assert CatalogueStatement.read(None, ScoreChoice(0.3)) is None
