from pathlib import Path

import pytest
import yaml

from orbitile.base.errors import OrbitileError
from orbitile.settings import Settings

MODELS = Path(__file__).parents[3] / "models"
SCALES = [dict(gsd_m=6, tile_px=512, min_object_px=8), dict(gsd_m=12)]


@pytest.fixture
def module(script):
    return script("compared_networks")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("runs/a/model.safetensors", ("a", "runs/a/model.safetensors", (), ())),
        ("ctx=runs/b.safetensors", ("b", "runs/b.safetensors", ("ctx",), ())),
        ("ctx,nac=c.pt@1,2,4", ("c", "c.pt", ("ctx", "nac"), (1, 2, 4))),
        ("mars-ctx-5m@1", ("mars-ctx-5m", "mars-ctx-5m", (), (1,))),
    ],
)
def test_networks_on_the_command_line(module, words, expected):
    network = module.Network.parse(words)
    assert (network.name, network.weights, network.sets, network.factors) == expected


def test_scales_are_multiples_of_the_finest(module):
    settings = module.Network.parse("models/moon-relief-474m.safetensors@1,4").settings_for(dict(scales=SCALES))
    assert settings["scales"] == [SCALES[0], dict(gsd_m=24, min_object_px=8)]


def test_a_network_of_the_zoo_brings_its_scales(module):
    settings = module.Network.parse("mars-ctx-5m").settings_for(dict(scales=SCALES, suppression={}, body="Mars"))
    assert settings == dict(model="mars-ctx-5m", body="Mars", gsd_m=6)


@pytest.mark.parametrize(
    ("words", "message"), [("a.pt@1,x", "whole multiples of the finest"), ("none.safetensors", "no such weights")]
)
def test_what_cannot_be(module, words, message):
    with pytest.raises(OrbitileError, match=message):
        module.Network.parse(words).settings_for(dict(scales=SCALES))


def test_a_list_of_networks(module, tmp_path):
    listed = tmp_path / "models.yaml"
    listed.write_text(yaml.safe_dump([dict(weights="x/best.pt", sets=["nac"]), dict(name="y", weights="z.pt")]))
    networks = module.networks_to_compare([], listed)
    assert [(network.name, network.fits("nac"), network.fits("ctx")) for network in networks] == [
        ("x", True, False), ("y", True, True)
    ]  # fmt: skip
    listed.write_text("a: b")
    with pytest.raises(OrbitileError, match="write a list of networks"):
        module.networks_to_compare([], listed)
    with pytest.raises(OrbitileError, match="the name x stands for two"):
        module.networks_to_compare(["a/x.pt", "b/x.pt"], listed)


def test_settings_of_every_set_are_right(module):
    """As the workflow checks them."""
    sets = yaml.safe_load((MODELS / "held_out.yaml").read_text())
    for name, entry in sets.items():
        weights = "models/moon-relief-474m.safetensors"
        settings = module.Network("relief", weights).settings_for(entry["settings"])
        checked = Settings.model_validate(settings | dict(run=name, scenes=str(MODELS / "held_out.yaml")))
        assert checked.evaluation.min_diameter_px >= 10
        assert entry["title"] and entry["why"]
