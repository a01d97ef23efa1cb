from types import SimpleNamespace

import pytest
import torch

from orbitile.training.detection import threads
from orbitile.training.detection.network import build_detector
from orbitile.training.detection.threads import fastest_threads


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch):
    """A network in training on tiles of 64 px, on as many cores as a test says."""
    network, options = build_detector("yolo11n.yaml", 1, 5), SimpleNamespace(is_bfloat16=False)
    batch = SimpleNamespace(image=torch.zeros(2, 1, 64, 64, dtype=torch.uint8))

    def on(cores: int) -> tuple:
        monkeypatch.setattr(threads, "core_count", lambda: cores)
        return network, SimpleNamespace(loader=lambda epoch: [batch], options=options)

    yield on
    torch.set_num_threads(1)


def test_a_single_core_is_not_measured(training, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(threads, "_step_seconds", None)
    assert fastest_threads(*training(1)) == 1


@pytest.mark.parametrize(
    ("seconds", "fastest"), [({8: 1, 4: 2, 1: 3}, 8), ({8: 3, 4: 2, 1: 2.5}, 4), ({8: 3, 4: 2, 1: 1}, 1),
                             ({8: 1, 4: 1, 1: 1}, 8)]
)  # fmt: skip
def test_the_fastest_is_taken(training, monkeypatch: pytest.MonkeyPatch, seconds: dict, fastest: int):
    """Of equally fast ones the most."""
    monkeypatch.setattr(threads, "_step_seconds", lambda network, images, count, in_bfloat16: seconds[count])
    assert fastest_threads(*training(8)) == fastest


def test_the_network_is_left_as_it_was(training):
    network, data = training(2)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert fastest_threads(network, data) in (1, 2)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
