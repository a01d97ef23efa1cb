import json
from pathlib import Path

import pytest
from judged_samples import made_up_sample

from orbitile.base.errors import OrbitileError
from orbitile.calibration.bounded_threshold import bounded_threshold
from orbitile.calibration.network_calibration import NetworkCalibration, read_calibration
from orbitile.calibration.risk_control import FALSE_DISCOVERY, MISSED_OBJECTS, RiskControl


@pytest.fixture
def calibration_file(tmp_path):
    """A calibration of a made-up sample, in a file."""

    def write(**options):
        path = tmp_path / f"calibration-{len(list(tmp_path.iterdir()))}.json"
        calibration = NetworkCalibration(made_up_sample(**options), 10.0, 0.3, "made-up craters")
        path.write_text(json.dumps(calibration.to_json()))
        return str(path)

    return write


def test_each_error_is_bounded_as_risk_control_does(calibration_file):
    path = calibration_file(blocks=200)
    risk = RiskControl(read_calibration(path).sample)
    assert bounded_threshold(path, 0.2, None, 0.9) == risk.threshold(FALSE_DISCOVERY, 0.2, 1 - 0.9)
    assert bounded_threshold(path, None, 0.6, 0.9) == risk.threshold(MISSED_OBJECTS, 0.4, 1 - 0.9)


def test_with_two_errors_each_has_half_of_the_chance(calibration_file):
    path = calibration_file(blocks=400)
    assert bounded_threshold(path, 0.3, 0.5, 0.9) == bounded_threshold(path, 0.3, None, 0.95)


@pytest.mark.parametrize(
    ("options", "max_fdr", "min_recall", "message"),
    [
        (
            dict(blocks=10, power=20.0),
            0.01,
            None,
            r"max_fdr: 0.01 cannot be promised by the 10 blocks of .*",
        ),
        (dict(blocks=3, rows_per_block=4), 0.1, None, r"or calibrate on about \d+ blocks as these"),
        (dict(blocks=50), None, 0.99, r"suppression.min_recall: 0.99 cannot be promised .* 0.\d+ can; relax it"),
        (dict(blocks=400), 0.05, 0.7, r"from a score of 0.9\d? on, and min_recall 0.7 up to 0.\d+: not both"),
    ],
)
def test_what_cannot_be_promised_is_refused_with_what_can(calibration_file, options, max_fdr, min_recall, message):
    with pytest.raises(OrbitileError, match=message):
        bounded_threshold(calibration_file(**options), max_fdr, min_recall, 0.9)


def test_weights_without_a_calibration_are_refused(tmp_path):
    path = tmp_path / "weights.pt"
    path.write_bytes(b"any")
    assert read_calibration(path) is None
    with pytest.raises(OrbitileError, match=r"states no calibration, .* target calibrate"):
        bounded_threshold(str(path), 0.1, None, 0.9)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"blocks": 3}', "\x00", '{"blocks": ' + "[" * 100000])
def test_a_file_that_holds_no_calibration_is_refused_by_name(tmp_path, text):
    path = tmp_path / "calibration.json"
    path.write_text(text)
    with pytest.raises(OrbitileError, match=f"{path.name}: .* target calibrate"):
        read_calibration(path)


@pytest.mark.parametrize(
    "change",
    [
        dict(least_px=None), dict(iou_threshold=[]), dict(least_px=float("nan")), dict(least_px=-5),
        dict(least_px=10**400), dict(iou_threshold=3),
    ],
)  # fmt: skip
def test_a_calibration_without_its_circumstances_is_refused(calibration_file, change):
    path = Path(calibration_file())
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(OrbitileError, match="lacks least_px, iou_threshold or basis"):
        read_calibration(path)


def test_a_calibration_of_other_weights_is_refused(calibration_file):
    path = Path(calibration_file())
    assert read_calibration(path, "ab" * 32) is not None  # of any
    path.write_text(json.dumps(json.loads(path.read_text()) | dict(model_sha256="cd" * 32)))
    assert read_calibration(path, "cd" * 32).model_sha256 == "cd" * 32
    with pytest.raises(OrbitileError, match="is that of other weights"):
        bounded_threshold(str(path), 0.2, None, 0.9, "ab" * 32)


def test_a_calibration_may_have_any_ending_but_those_of_weights(calibration_file):
    path = Path(calibration_file()).rename(Path(calibration_file()).with_suffix(".txt"))
    assert read_calibration(path) is not None
