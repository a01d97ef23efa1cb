"""What probabilities of pixels are worth, files that state it, and thresholds and statements by them."""

import json

import numpy as np
import pytest
from judged_samples import made_up_sample
from pixel_samples import literal_pixels, made_up_pixels

from orbitile.base.errors import OrbitileError
from orbitile.calibration.bounded_threshold import bounded_class_thresholds
from orbitile.calibration.map_statement import MapStatement
from orbitile.calibration.network_calibration import NetworkCalibration, read_calibration
from orbitile.calibration.pixel_calibration import PixelCalibration, level_probabilities, read_pixel_calibration
from orbitile.calibration.pixel_figures import pixel_figures, pixel_reliability, with_pixel_figures
from orbitile.calibration.pixel_sample import LEVEL_THRESHOLDS, ClassPixels
from orbitile.calibration.risk_control import FALSE_DISCOVERY, MISSED_OBJECTS

MODEL = "ab" * 32


@pytest.fixture
def calibration_file(tmp_path):
    """A calibration of made-up pixels, in a file."""

    def write(model=MODEL, **options):
        path = tmp_path / f"calibration-{len(list(tmp_path.iterdir()))}.json"
        calibration = PixelCalibration(made_up_pixels(**options), "made-up pixels", model)
        path.write_text(json.dumps(calibration.to_json()))
        return str(path)

    return write


@pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
def test_levels_are_worth_what_they_are_in_truth(power):
    levels = np.arange(256) / 255
    probability = level_probabilities(made_up_pixels(power=power, spread=0).of_class("fracture"))
    assert probability[5:250] == pytest.approx(levels[5:250] ** power, abs=0.03)
    assert (np.diff(probability) >= 0).all()


def test_levels_of_a_rare_class_are_worth_what_they_are_in_truth():
    """2 % of 200 million pixels: a penalty that did not give way to them made 0.67 of 0.78."""
    random, levels = np.random.default_rng(0), np.arange(256)
    truth = np.clip(levels / 255, 1e-3, 1 - 1e-3)
    density = 5e5 * np.exp(-levels / 6) + 300 * np.exp(-(255 - levels) / 20) + 20
    total = random.poisson(density, (64, 256))
    true = random.binomial(total, truth)
    probability = level_probabilities(ClassPixels(np.stack([total - true, true], axis=1)))
    assert true.sum() / total.sum() == pytest.approx(0.024, abs=0.001)
    assert probability == pytest.approx(truth, abs=0.005)


def test_too_few_blocks_are_worth_nothing():
    assert level_probabilities(made_up_pixels(blocks=15).of_class("fracture")) is None
    assert level_probabilities(literal_pixels().of_class("fracture")) is None
    figures = pixel_figures(PixelCalibration(literal_pixels(), "two blocks"))["classes"]["fracture"]
    assert figures["calibration_error"]["after"] is figures["probability"] is None
    assert figures["reliability"]["after"] == []
    assert (figures["pixels"], figures["true"]) == (200, 8)
    assert all(bound["score"] is None for bound in figures["bounds"])


def test_reliability_by_hand():
    """Ten bins of equal width: 185 false and no true ones at 0, 2 true at 0.2, 5 false at 0.4, 1 and 6 at 0.8 up."""
    pixels = literal_pixels().of_class("fracture").pixels
    bins = pixel_reliability(pixels, np.broadcast_to(np.arange(256) / 255, (2, 256)))
    expected = [(0, 0, 185), (50 / 255, 1, 2), (100 / 255, 0, 5), (200 / 255, 5 / 6, 6), (1, 0.5, 2)]
    for part, values in zip(bins, expected, strict=True):
        assert part == pytest.approx(values)


def test_calibrated_levels_are_off_by_less():
    figures = pixel_figures(PixelCalibration(made_up_pixels(power=3.0), "made-up pixels"))["classes"]["fracture"]
    before, after = (figures["calibration_error"][name] for name in ("before", "after"))
    assert after["value"] < before["value"] / 4
    assert before["interval"][0] <= before["value"] <= before["interval"][1]
    json.dumps(figures, allow_nan=False)


def test_a_file_holds_what_was_written(calibration_file):
    calibration = read_pixel_calibration(calibration_file(classes=("a", "b")), MODEL)
    assert (calibration.sample.pixels == made_up_pixels(classes=("a", "b")).pixels).all()
    assert (calibration.basis, calibration.model_sha256) == ("made-up pixels", MODEL)


def test_each_error_is_bounded_as_risk_control_does(calibration_file):
    path = calibration_file(classes=("a", "b"), blocks=200)
    sample = read_pixel_calibration(path).sample
    for errors, criterion, alpha in (((0.2, None), FALSE_DISCOVERY, 0.2), ((None, 0.6), MISSED_OBJECTS, 0.4)):
        expected = {name: sample.of_class(name).risk.threshold(criterion, alpha, 1 - 0.9) for name in ("a", "b")}
        assert bounded_class_thresholds(path, *errors, 0.9) == expected
    assert all(threshold in LEVEL_THRESHOLDS for threshold in expected.values())


@pytest.mark.parametrize(
    ("options", "errors", "message"),
    [
        (dict(blocks=10), (0.1, None), r"mapping.max_fdr: 0.1 cannot be promised by the 10 squares of .*json; "),
        (dict(blocks=12), (0.1, None), r"or calibrate on about \d+ squares as these"),
        (dict(blocks=10, classes=("a", "b"), unit="scenes"), (0.1, None), r"10 scenes of .*json, class a; "),
        (dict(blocks=60), (None, 0.99), r"mapping.min_recall: 0.99 cannot be promised .* 0.\d+ can; relax it"),
        (dict(blocks=400), (0.05, 0.9), r"allows max_fdr 0.05 from a score of 0.\d+ on, .* up to 0.\d+: not both"),
    ],
)
def test_what_cannot_be_promised_is_refused_with_what_can(calibration_file, options, errors, message):
    with pytest.raises(OrbitileError, match=message) as error:
        bounded_class_thresholds(calibration_file(**options), *errors, 0.9)
    assert "\n" not in str(error.value)


def test_calibrations_of_other_weights_and_of_the_other_chain_are_refused(calibration_file, tmp_path):
    path = calibration_file()
    with pytest.raises(OrbitileError, match=r"mapping.calibration: .* is that of other weights"):
        bounded_class_thresholds(path, 0.2, None, 0.9, "cd" * 32)
    with pytest.raises(OrbitileError, match=r"suppression.calibration: .* calibration of pixels, .* gives detections"):
        read_calibration(path)
    detections = tmp_path / "detections.json"
    detections.write_text(json.dumps(NetworkCalibration(made_up_sample(), 10.0, 0.3, "made up").to_json()))
    with pytest.raises(OrbitileError, match=r"mapping.calibration: .* calibration of detections, .* gives pixels"):
        read_pixel_calibration(detections)
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"any")
    with pytest.raises(OrbitileError, match=r"states no calibration, .* name it as mapping.calibration"):
        bounded_class_thresholds(str(weights), 0.1, None, 0.9)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"blocks": 3}', '{"pixels": [], "blocks": 1}'])
def test_a_file_that_holds_no_calibration_is_refused_by_name(tmp_path, text):
    path = tmp_path / "calibration.json"
    path.write_text(text)
    with pytest.raises(OrbitileError, match=f"{path.name}: .* target calibrate"):
        read_pixel_calibration(path)


def stated(path, max_fdr=None, min_recall=None, threshold=None):
    errors = dict(max_fdr=max_fdr, min_recall=min_recall, confidence=0.9)
    if threshold is None:
        threshold = bounded_class_thresholds(path, **errors)
    source = dict(path=path, model_sha256=MODEL)
    return MapStatement.read(source, errors, dict(threshold=threshold, model=None)).stated()


def test_a_map_states_its_bound(calibration_file):
    statement = stated(calibration_file(), max_fdr=0.2)
    facts = statement["classes"]["fracture"]
    assert facts["fdr_bound"] <= 0.2
    assert facts["fdr"] < 0.2
    measured = f"in calibration {facts['fdr']:.1%} were, and {facts['recall']:.0%} of the true ones were mapped"
    assert statement["text"] == (
        f"of the mapped pixels at most {facts['fdr_bound']:.0%} are false with 90% confidence ({measured}); "
        "calibrated on made-up pixels in 128 squares"
    )


def test_a_map_states_what_its_threshold_is_worth_without_a_bound(calibration_file):
    path = calibration_file(classes=("rift", "pit"))
    statement = stated(path, threshold=0.5)
    assert [facts["threshold"] for facts in statement["classes"].values()] == [0.5, 0.5]
    assert "of the pixels mapped as rift at most" in statement["text"]
    assert statement["text"].endswith("calibrated on made-up pixels in 128 squares, each by itself")
    assert "at least 60% of the true ones are among the pixels mapped as pit" in stated(path, min_recall=0.6)["text"]


def test_nothing_is_stated_where_nothing_is_known(calibration_file, tmp_path):
    assert stated(calibration_file(blocks=5), threshold=0.3)["text"] == "calibrated on made-up pixels in 5 squares"
    assert MapStatement.read(None, dict(max_fdr=None, min_recall=None, confidence=0.9), {}) is None
    with pytest.raises(OrbitileError, match="knows nothing of the class pit"):
        stated(calibration_file(classes=("pit",)), threshold=dict(rift=0.5))


def test_figures_stand_beside_the_sample():
    content = with_pixel_figures(PixelCalibration(made_up_pixels(), "made-up pixels", MODEL))
    assert PixelCalibration.of_json(content).sample.blocks == 128
    assert len(content["figures"]["classes"]["fracture"]["probability"]) == 256
