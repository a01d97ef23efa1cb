"""Errors that users accept of maps, in place of a threshold of probability."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from judged_samples import made_up_sample
from pixel_samples import made_up_pixels
from safetensors.numpy import save_file

from orbitile.base.errors import OrbitileError
from orbitile.calibration.bounded_threshold import bounded_class_thresholds
from orbitile.calibration.network_calibration import CALIBRATION_KEY, NetworkCalibration
from orbitile.calibration.pixel_calibration import PixelCalibration
from orbitile.settings import check_settings
from orbitile.stages.outline import OutlineSettings

MINIMAL = dict(run="r", body="Moon", scenes="scenes.csv", scales=[dict(gsd_m=100)])


@pytest.fixture
def weights(tmp_path):
    """Weights that state their calibration, or none."""

    def write(calibration=None):
        path = tmp_path / f"weights-{calibration is not None}.safetensors"
        stated = {} if calibration is None else {CALIBRATION_KEY: json.dumps(calibration.to_json())}
        save_file(dict(a=np.zeros(1, np.float32)), path, stated)
        return dict(weights=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest(), family="segmentation")

    return write


@pytest.fixture
def calibration(tmp_path):
    """A file with a calibration of made-up pixels."""
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(PixelCalibration(made_up_pixels(), "made-up pixels").to_json()))
    return str(path)


def checked(model, **change):
    return check_settings(MINIMAL | dict(model=model) | change, ["c"])


def test_an_error_chooses_the_threshold_of_each_class(weights, calibration):
    settings = checked(weights(), mapping=dict(max_fdr=0.2, calibration=calibration))
    expected = bounded_class_thresholds(calibration, 0.2, None, 0.9)
    assert settings.pixel_threshold == settings.outline_settings["threshold"] == expected
    assert settings.map_comparison["outline_settings"]["threshold"] == expected
    assert settings.pixel_calibration == dict(path=calibration, model_sha256=settings.model.sha256)
    assert settings.mapping.accepted_errors == dict(max_fdr=0.2, min_recall=None, confidence=0.9)


def test_weights_may_state_their_calibration(weights):
    model = weights(PixelCalibration(made_up_pixels(), "validation tiles"))
    settings = checked(model, mapping=dict(min_recall=0.6, confidence=0.8))
    assert settings.pixel_threshold == bounded_class_thresholds(model["weights"], None, 0.6, 0.8)


def test_without_errors_the_threshold_is_that_of_settings_or_weights(weights, tmp_path):
    assert checked(weights()).outline_settings["threshold"] is None
    assert checked(weights(), mapping=dict(threshold=0.4)).outline_settings["threshold"] == 0.4
    other = Path(weights()["weights"]).rename(tmp_path / "weights.ckpt")
    assert checked(weights() | dict(weights=str(other))).pixel_calibration is None


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (dict(max_fdr=0.1, threshold=0.4), "threshold is given beside max_fdr or min_recall"),
        (dict(max_fdr=0.1), "states no calibration"),
        (dict(max_fdr=0.1, calibration="nowhere.json"), "mapping.calibration: no file at nowhere.json"),
        (dict(max_fdr=1.5), "mapping.max_fdr: 1.5 given"),
        (dict(min_recall=0), "mapping.min_recall: 0 given"),
        (dict(max_fdr=True), "true and false are no values"),
        (dict(max_fdr=0.1, confidence=0.3), "mapping.confidence: 0.3 given"),
    ],
)
def test_errors_that_cannot_be_bounded_are_refused(weights, mapping, message):
    with pytest.raises(OrbitileError, match=message):
        checked(weights(), mapping=mapping)


def test_a_calibration_of_detections_is_refused(weights, tmp_path):
    path = tmp_path / "detections.json"
    path.write_text(json.dumps(NetworkCalibration(made_up_sample(), 10.0, 0.3, "made up").to_json()))
    with pytest.raises(OrbitileError, match=r"^c: mapping.calibration: .* is a calibration of detections"):
        checked(weights(), mapping=dict(max_fdr=0.2, calibration=str(path)))


def test_the_other_chain_s_errors_are_refused(weights, calibration):
    with pytest.raises(OrbitileError, match=r"suppression.max_fdr: of no use to networks that map pixels; .* mapping"):
        checked(weights(), suppression=dict(max_fdr=0.1))
    with pytest.raises(OrbitileError, match=r"mapping.calibration: of no use to networks that detect objects"):
        checked(weights() | dict(family="yolo"), mapping=dict(calibration=calibration))


def test_a_threshold_of_null_is_none_beside_an_error(weights, calibration):
    settings = checked(weights(), mapping=dict(threshold=None, max_fdr=0.2, calibration=calibration))
    assert settings.pixel_threshold


@pytest.mark.parametrize("key", ["threshold", "max_fdr", "min_recall"])
def test_the_likeliest_class_needs_no_threshold(weights, key):
    with pytest.raises(OrbitileError, match=f"mapping: {key} is given beside decision argmax, which maps") as error:
        checked(weights(), mapping={"decision": "argmax", key: 0.4})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("key", "value"), [("smoothing_px", 1.5), ("smallest_region_px", {"fracture": 9})])
def test_what_is_for_exclusive_classes_only(weights, key, value):
    with pytest.raises(OrbitileError, match=f"mapping: {key} is given, but is for decision argmax only; leave it out"):
        checked(weights(), mapping={key: value})
    choice = checked(weights(), mapping={"decision": "argmax", key: value}).class_choice
    assert choice[key] == value


def test_a_second_network_is_for_exclusive_classes_only(weights):
    named = {key: value for key, value in weights().items() if key != "family"}
    with pytest.raises(OrbitileError, match="mapping: foreground is given, but is for decision argmax only"):
        checked(weights(), mapping=dict(foreground=named))
    settings = checked(weights(), mapping=dict(decision="argmax", foreground=named | dict(share=0.25)))
    assert settings.model_choice["foreground"] == named | dict(share=0.25)
    assert settings.origin["foreground"] == dict(sha256=named["sha256"], share=0.25)
    assert [str(path) for path in settings.network_files] == [named["weights"]] * 2


def test_a_second_network_without_its_file(weights, tmp_path):
    named = dict(weights=str(tmp_path / "none.safetensors"), sha256="0" * 64)
    with pytest.raises(OrbitileError, match=r"mapping.foreground.weights: no file at .*none.safetensors"):
        checked(weights(), mapping=dict(decision="argmax", foreground=named))


def test_a_calibration_beside_the_likeliest_class(weights, calibration):
    with pytest.raises(OrbitileError, match="calibration is given beside decision argmax"):
        checked(weights(), mapping=dict(decision="argmax", calibration=calibration))


@pytest.mark.parametrize(
    ("mapping", "centre_lines"),
    [
        ({}, True),
        (dict(centre_lines=False), False),
        (dict(decision="argmax"), False),
        (dict(decision="argmax", centre_lines=True), True),
    ],
)
def test_centre_lines_are_for_classes_by_themselves(weights, mapping, centre_lines):
    found = checked(weights(), mapping=mapping).outline_settings
    assert found.get("centre_lines", True) == centre_lines
    assert found.get("decision", "threshold") == mapping.get("decision", "threshold")
    assert OutlineSettings.of(**found).centre_lines == centre_lines


def test_truth_may_be_a_folder_of_masks(weights, tmp_path):
    assert checked(weights(), evaluation=dict(truth=str(tmp_path))).evaluation.truth == tmp_path
