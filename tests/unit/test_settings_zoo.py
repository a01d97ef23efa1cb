"""Settings with a network of the zoo: what it brings, and what users state themselves."""

import json
import time

import pytest
from judged_samples import made_up_sample
from made_zoo import SCALES, about_file, made_zoo, training_folder

from orbitile.base.errors import OrbitileError
from orbitile.calibration.bounded_threshold import bounded_threshold
from orbitile.calibration.network_calibration import NetworkCalibration
from orbitile.inference.models.network import ModelChoice
from orbitile.inference.models.zoo_entry import add_network
from orbitile.settings import Settings, check_settings

NAME = "moon-relief-474m"
SHORTEST = dict(run="r", body="Moon", scenes="scenes.csv", model=NAME)


@pytest.fixture
def checked(tmp_path):
    made_zoo(tmp_path)
    return lambda **change: check_settings(SHORTEST | change, ["config.yaml"], tmp_path / "zoo")


def test_a_name_is_enough(checked, tmp_path):
    settings = checked()
    assert [scale.gsd_m for scale in settings.scales] == [474, 948, 1896]
    assert [scale.min_object_px for scale in settings.scales] == [8, 12, 16]
    assert settings.scales[0].max_object_px == 120
    assert (settings.suppression.score_threshold, settings.suppression.iou_threshold) == (0.31, 0.35)
    assert settings.model.weights == tmp_path / "zoo" / f"{NAME}.safetensors"
    assert settings.model.score_threshold == 0.1
    assert settings.model.gsd_range_m == (237, 948)
    assert ModelChoice(**settings.model_choice).sha256 == settings.model.sha256


@pytest.fixture
def calibration(tmp_path):
    """A file with a calibration of made-up detections."""
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(NetworkCalibration(made_up_sample(200), 10.0, 0.3, "made-up craters").to_json()))
    return str(path)


def test_an_error_chooses_the_score_in_place_of_the_networks(checked, calibration):
    settings = checked(suppression=dict(max_fdr=0.2, calibration=calibration))
    assert settings.score_threshold == bounded_threshold(calibration, 0.2, None, 0.9)
    assert settings.nms_settings["score_threshold"] == settings.score_threshold
    assert settings.score_choice == dict(max_fdr=0.2, min_recall=None, score_threshold=settings.score_threshold)
    assert settings.row_confidence == dict(
        path=calibration, model_sha256=settings.model.sha256, confidence=0.9, finest_m=474
    )
    assert settings.calibration_nms_settings["score_threshold"] == settings.model.score_threshold
    assert checked().score_threshold == 0.31


@pytest.mark.parametrize(
    ("suppression", "message"),
    [
        (dict(max_fdr=0.1, score_threshold=0.4), "score_threshold is given beside max_fdr or min_recall"),
        (dict(max_fdr=0.1), "states no calibration"),
        (dict(max_fdr=0.1, calibration="nowhere.json"), "suppression.calibration: no file at nowhere.json"),
        (dict(max_fdr=1.5), "suppression.max_fdr: 1.5 given"),
        (dict(confidence=0.2), "suppression.confidence: 0.2 given"),
        (dict(max_fdr=True), "true and false are no values"),
    ],
)
def test_errors_that_cannot_be_bounded_are_refused(checked, suppression, message):
    with pytest.raises(OrbitileError, match=message):
        checked(suppression=suppression)


def test_what_inference_throws_away_cannot_be_promised(checked, calibration):
    suppression = dict(min_recall=0.5, calibration=calibration)
    assert checked(suppression=suppression).score_threshold > 0.1
    with pytest.raises(OrbitileError, match=r"config.yaml: model.score_threshold: 0.95 keeps less than the score of 0"):
        checked(suppression=suppression, model=dict(name=NAME, score_threshold=0.95))
    assert checked(model=dict(name=NAME, score_threshold=0.95)).score_choice["score_threshold"] == 0.95


def test_it_stands_in_the_metadata_of_catalogues(checked):
    origin = checked().origin
    assert (origin["model"], origin["model_sha256"]) == (NAME, checked().model.sha256)
    weights = checked().model.model_dump(include={"weights", "sha256"})
    scales = [dict(gsd_m=474)]
    assert "model" not in checked(model=weights, scales=scales).origin


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (dict(gsd_m=5), dict(scales_m=[5, 10, 20])),
        (dict(scales=[dict(gsd_m=300)]), dict(scales_m=[300])),
        (dict(scales=[dict(gsd_m=300)], gsd_m=300), dict(scales_m=[300])),
        (dict(scales=None), dict(scales_m=[474, 948, 1896])),
        (dict(suppression=dict(score_threshold=0.5)), dict(score=0.5, iou=0.35)),
        (dict(suppression=dict(iou_threshold=0.6, shape="circle")), dict(score=0.31, iou=0.6, shape="circle")),
        (dict(model=dict(name=NAME, device="cpu")), dict(device="cpu", least_score=0.1)),
        (dict(model=dict(name=NAME, score_threshold=0.2, gsd_range_m=[1, 2])), dict(least_score=0.2, range_m=(1, 2))),
        (dict(model=dict(name=NAME, gsd_range_m=None)), dict(range_m=None)),
        (dict(model=dict(name=NAME, family="yolo")), dict(device="auto")),
    ],
)  # fmt: skip
def test_what_users_state_wins(checked, change, expected):
    settings = checked(**change)
    values = dict(
        scales_m=[scale.gsd_m for scale in settings.scales], score=settings.suppression.score_threshold,
        iou=settings.suppression.iou_threshold, shape=settings.suppression.shape, device=settings.model.device,
        least_score=settings.model.score_threshold, range_m=settings.model.gsd_range_m,
    )  # fmt: skip
    assert {key: values[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(model="mars"), f"config.yaml: model: there is no network 'mars' in models/; allowed are {NAME}, or "),
        (dict(model=dict(name="mars")), f"model: there is no network 'mars' in models/; allowed are {NAME}"),
        (dict(model=3), "config.yaml: model: 3 given; allowed are the name of a network"),
        (dict(model=[NAME]), "config.yaml: model: "), (dict(model=True), "config.yaml: model: True given"),
        (dict(model=""), "config.yaml: model: there is no network ''"),
        (dict(model="x" * 5000), "config.yaml: model: there is no network 'xxx"),
        (dict(model=dict(name=NAME, weights="w.pt")), "model.weights: w.pt given beside the name moon-relief-474m"),
        (dict(model=dict(name=NAME, sha256="0" * 64)), "model.sha256: 000"),
        (dict(model=dict(name=NAME, family="segmentation")), "model.family: segmentation given beside the name"),
        (dict(model=dict(name=NAME, colour="red")), "model.colour: unknown key; allowed are name, weights"),
        (dict(gsd_m=5, scales=[dict(gsd_m=6)]), "gsd_m: 5 given, but scales.0.gsd_m is 6; leave either out"),
        (dict(gsd_m="five"), "gsd_m: 'five' given; allowed are metres per pixel"),
        (dict(gsd_m=True), "gsd_m: True given"), (dict(gsd_m=-5), "gsd_m: -5 given"),
        (dict(suppression=3), "config.yaml: suppression: 3 given"),
        (dict(suppression=None), "config.yaml: suppression: None given"),
        (dict(scales=[]), "config.yaml: scales: [] given"),
        (dict(model=dict(weights=__file__, sha256="0" * 64)), "config.yaml: scales: missing"),
    ],
)  # fmt: skip
def test_faults_are_a_line_that_says_the_way_out(checked, change, words):
    with pytest.raises(OrbitileError) as error:
        checked(**change)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 700


def test_settings_are_not_changed_and_round_trip(tmp_path):
    made_zoo(tmp_path)
    config = json.loads(json.dumps(SHORTEST | dict(model=dict(name=NAME), suppression=dict(shape="circle"))))
    before = json.dumps(config)
    context = dict(zoo=tmp_path / "zoo")
    settings = Settings.model_validate(config, context=context)
    assert json.dumps(config) == before
    assert Settings.model_validate(settings.model_dump(), context=context) == settings
    assert Settings.model_validate_json(settings.model_dump_json(), context=context) == settings


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, ((1, 99), None)),
        (dict(stretch_percentiles=[2, 98]), ((2, 98), None)),
        (dict(stretch_values=[0, 255]), ((0.5, 99.5), ((0, 255),))),
    ],
)
def test_the_stretch_of_a_network_holds_where_users_name_none(tmp_path, stated, expected):
    made_zoo(tmp_path, settings=dict(stretch_percentiles=[1, 99]))
    settings = check_settings(SHORTEST | stated, ["c"], tmp_path / "zoo")
    assert (settings.stretch_percentiles, settings.stretch_values) == expected


def test_a_network_that_maps_pixels_brings_its_family(tmp_path):
    training = training_folder(tmp_path / "t", family="segmentation", names=["fracture"])
    (training / "metrics.json").unlink()
    add_network("europa", training, about_file(tmp_path), zoo=tmp_path / "zoo")
    assert check_settings(SHORTEST | dict(model="europa"), ["c"], tmp_path / "zoo").chain == "segmentation"


def test_enlarged_scales_are_finer_than_the_images(tmp_path):
    scales = [SCALES[0] | dict(enlarge=2), *SCALES]
    made_zoo(tmp_path, scales=scales)
    settings = check_settings(SHORTEST | dict(gsd_m=5), ["c"], tmp_path / "zoo")
    assert [(scale.gsd_m, scale.enlarge) for scale in settings.scales] == [(2.5, 2), (5, 1), (10, 1), (20, 1)]
    assert settings.finest_m == 5
    assert "| 237, enlarged 2 x | 512 |" in (tmp_path / "zoo" / f"{NAME}.md").read_text()


def test_weights_in_the_working_folder_have_short_paths(tmp_path, monkeypatch):
    made_zoo(tmp_path)
    monkeypatch.chdir(tmp_path)
    choice = check_settings(SHORTEST, ["c"], tmp_path / "zoo").model_choice
    assert choice["weights"] == f"zoo/{NAME}.safetensors"


@pytest.mark.parametrize(
    ("change", "assumed_m", "key"),
    [
        ({}, 474, "gsd_m"),
        (dict(scales=None), 474, "gsd_m"),
        (dict(gsd_m=474), None, "gsd_m"),
        (dict(scales=[dict(gsd_m=474)]), None, "scales.0.gsd_m"),
    ],
)
def test_who_says_how_long_a_pixel_is(checked, change, assumed_m, key):
    assert (checked(**change).assumed_gsd_m, checked(**change).finest_key) == (assumed_m, key)


def test_a_name_costs_milliseconds(checked):
    checked()
    start = time.perf_counter()
    for _ in range(10):
        checked()
    assert time.perf_counter() - start < 0.5
