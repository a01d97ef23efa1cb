import json

import pytest
import torch
from safetensors.torch import save_file

from orbitile.inference.models import weights_header
from orbitile.inference.models.weights_header import stated_threshold


@pytest.fixture
def weights(tmp_path):
    def write(metadata):
        save_file(dict(a=torch.zeros(3)), tmp_path / "w.safetensors", metadata)
        return tmp_path / "w.safetensors"

    return write


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (dict(threshold=json.dumps(0.35)), 0.35), (dict(threshold="1"), 1.0), (dict(threshold="null"), None),
        (dict(family="x"), None), (None, None),
    ],
)  # fmt: skip
def test_the_threshold_that_weights_state(weights, metadata, expected):
    assert stated_threshold(weights(metadata)) == expected


def test_other_weights_state_nothing(tmp_path):
    """They are not even opened."""
    assert stated_threshold(tmp_path / "no such.pt") is None


def test_a_header_longer_than_the_format_allows_is_not_read(weights, monkeypatch):
    monkeypatch.setattr(weights_header, "HEADER_LIMIT", 4)
    assert stated_threshold(weights(dict(threshold="0.4"))) is None
