import subprocess
from pathlib import Path

import pytest
import yaml

from orbitile.base.errors import OrbitileError


@pytest.fixture
def module(script):
    return script("train")


@pytest.fixture
def data(module, tmp_path):
    """A folder with an empty file for each image that the recipes of NAC name."""
    for name in ("moon-nac-mosaics", "moon-nac-1m"):
        recipe = module.read_recipe(name)
        folder = tmp_path / "data" / recipe["scenes"]
        folder.mkdir(parents=True)
        for scene in recipe["names"]:
            (folder / f"{scene}.png").touch()
    return tmp_path / "data"


@pytest.mark.parametrize(("statuses", "expected"), [([0, 0], 0), ([1], 1), ([0, 7], 7)])
def test_what_a_network_goes_on_from_is_trained_first(module, data, tmp_path, monkeypatch, statuses, expected):
    configs, ends = [], iter(statuses)

    def run(words: list) -> subprocess.CompletedProcess:
        configs.append(yaml.safe_load(Path(words[words.index("--configfile") + 1]).read_text()))
        return subprocess.CompletedProcess(words, next(ends))

    monkeypatch.setattr(subprocess, "run", run)
    assert module.train("moon-nac-1m", data, tmp_path) == expected
    assert [config["run"] for config in configs] == ["moon-nac-mosaics", "moon-nac-1m"][: len(statuses)]
    if len(configs) > 1:
        before = tmp_path / "results" / "moon-nac-mosaics" / "training" / "model.safetensors"
        assert configs[1]["training"]["start_from"] == str(before)
        assert len(Path(configs[1]["scenes"]).read_text().splitlines()) == 3


def test_an_unknown_network_is_refused(module):
    with pytest.raises(OrbitileError, match="has no network mars, but mars-ctx-5m, "):
        module.read_recipe("mars")
