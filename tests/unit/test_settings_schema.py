"""The JSON schema that editors check settings files with: what it takes is what a run takes, as far as a schema can."""

import json

import pytest
import yaml
from jsonschema import Draft202012Validator
from settings_schema import SCHEMA_FILE, schema_text

from orbitile.base.errors import OrbitileError
from orbitile.settings import check_settings

ROOT = SCHEMA_FILE.parents[2]
SHIPPED = [*(ROOT / "config").glob("*.yaml"), *(ROOT / "demo").glob("**/*.yaml")]
MODEL = dict(weights=__file__, sha256="0" * 64)
MINIMAL = dict(run="r", body="Moon", scenes="scenes.csv", scales=[dict(gsd_m=100)], model=MODEL)
SCHEMA = json.loads(SCHEMA_FILE.read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
MODELINE = "# yaml-language-server: $schema="
DEEP = dict(model=None, segmentation_training=dict(labels=__file__))
TAKEN = dict(
    as_it_is={}, code=dict(body=301), text_code=dict(body="IAU_2015:30110"), a_band=dict(bands="red"),
    bands=dict(bands=["red", 2]), no_bands=dict(bands=None), a_stretch=dict(stretch_values=[5, 7]),
    stretches=dict(stretch_values=[[0, 255], [-50, 900]]), kept_name=dict(model=dict(MODEL, name=None)),
    judgements=dict(review=dict(judgements=__file__)),
    a_file=DEEP, files=dict(DEEP, segmentation_training=dict(labels=[__file__, __file__])),
    a_loss=dict(DEEP, segmentation_training=dict(labels=__file__, loss="dice")),
    a_sum=dict(DEEP, segmentation_training=dict(labels=__file__, loss=dict(dice=1, tversky=dict(weight=2, alpha=1)))),
    an_elevation=dict(crater_shapes=dict(elevation=__file__)),
)  # fmt: skip
REFUSED = dict(
    unknown=dict(typo=1), deep=dict(vectors=dict(shap="box")), word=dict(margin="sometimes"), size=dict(run=""),
    small=dict(scales=[dict(gsd_m=0)]), unhashed=dict(model=dict(weights=__file__)), body=dict(body=0.5),
    loss=dict(DEEP, segmentation_training=dict(labels=__file__, loss="dise")), training=dict(training={}),
    nothing=dict(stretch_values=[]), text=dict(evaluation=dict(min_diameter_px="ten")),
)  # fmt: skip


def test_the_file_is_that_of_the_models():
    assert SCHEMA_FILE.read_text() == schema_text(), "run `make schema`"


def test_it_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_shipped_settings_agree_with_it(path):
    VALIDATOR.validate(yaml.safe_load(path.read_text()))


def test_a_network_with_a_name_brings_scales():
    """As in what `make new` writes."""
    named = dict(run="r", body="Moon", scenes="s.csv")
    for model in ("moon-relief-474m", dict(name="moon-relief-474m", device="cpu")):
        VALIDATOR.validate(named | dict(model=model, gsd_m=474))


@pytest.mark.parametrize("name", TAKEN)
def test_it_takes_what_a_run_takes(name):
    check_settings(MINIMAL | TAKEN[name], [])
    VALIDATOR.validate(MINIMAL | TAKEN[name])


@pytest.mark.parametrize("name", REFUSED)
def test_it_refuses_what_a_run_refuses(name):
    with pytest.raises(OrbitileError):
        check_settings(MINIMAL | REFUSED[name], [])
    assert not VALIDATOR.is_valid(MINIMAL | REFUSED[name])


def test_training_needs_its_craters():
    assert VALIDATOR.is_valid(MINIMAL | dict(training=dict(craters="craters.csv")))


@pytest.mark.parametrize("section", SCHEMA["$defs"])
def test_every_key_says_what_it_is(section):
    """By itself, or by the section that it refers to: editors show it."""
    keys = SCHEMA["$defs"][section].get("properties", {})
    silent = [key for key, schema in keys.items() if "description" not in schema and "$ref" not in json.dumps(schema)]
    assert silent == []


def test_editors_find_it_from_the_template():
    line = (ROOT / "config" / "config.yaml").read_text().splitlines()[0]
    assert line.startswith(MODELINE)
    assert (ROOT / "config" / line.removeprefix(MODELINE)).resolve() == SCHEMA_FILE
