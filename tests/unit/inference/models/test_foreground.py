"""A second network that has a say of what is background: made-up weights, compared with a plain computation."""

from pathlib import Path

import numpy as np
import pytest
import torch
from model_choices import on_the_cpu

from orbitile.base.errors import OrbitileError
from orbitile.base.files import sha256
from orbitile.inference.class_decision import class_numbers
from orbitile.inference.models.architectures import build_network
from orbitile.inference.models.foreground import blended
from orbitile.inference.models.load import load_network
from orbitile.inference.models.weights import save_tensors

NETWORK = "plain_unet:2x4"
CLASSES = ["background", "sand", "rock"]


def weights(folder: Path, names: list[str], seed: int) -> Path:
    torch.manual_seed(seed)
    description = dict(family="segmentation", network=NETWORK, names=dict(enumerate(names)), mean=[0.4], std=[0.02])
    path = folder / f"{'-'.join(names)}.safetensors"
    save_tensors(path, build_network(NETWORK, 1, len(names)).state_dict(), description)
    return path


def second(path: Path, share: float = 0.5) -> dict:
    return dict(weights=str(path), sha256=sha256(path), share=share)


@pytest.fixture
def tiles() -> torch.Tensor:
    return torch.randint(0, 256, (2, 1, 32, 32), generator=torch.Generator().manual_seed(3), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("classes", "foreground", "share", "expected"),
    [
        ([0.1, 0.3], 1.0, 0.5, [0.175, 0.525]),  # 0.4 becomes 0.7, and 1 : 3 stays
        ([0.1, 0.3], 1.0, 1.0, [0.25, 0.75]),
        ([0.6, 0.4], 0.0, 0.5, [0.3, 0.2]),
        ([0.6, 0.4], 0.0, 1.0, [0.0, 0.0]),
        ([0.2, 0.2], 0.4, 0.7, [0.2, 0.2]),  # both agree
        ([0.0, 0.0], 1.0, 0.5, [0.0, 0.0]),  # of no class: none can have it
    ],
)
def test_what_becomes_of_a_pixel(classes, foreground, share, expected):
    pixel = blended(torch.tensor(classes).view(1, -1, 1, 1), torch.full((1, 1, 1, 1), foreground), share)
    assert pixel.flatten().tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("share", [0.3, 1])
def test_both_networks_together(tmp_path: Path, tiles: torch.Tensor, share: float):
    """By what the two networks answer alone, in double precision."""
    first, other = weights(tmp_path, CLASSES, 0), weights(tmp_path, ["features"], 1)
    alone, foreground = (
        load_network(on_the_cpu(path, family="segmentation", score_threshold=0.05)).probabilities(tiles)[0].double()
        for path in (first, other)
    )
    whole = alone.sum(dim=1, keepdim=True)
    expected = (alone * (1 - share) + alone / whole * share * foreground).numpy()

    choice = on_the_cpu(first, family="segmentation", score_threshold=0.05, foreground=second(other, share))
    network = load_network(choice)
    answer = network.predict_batch(tiles)
    assert network.names == ("sand", "rock")
    assert np.abs(answer.probability.numpy() / 255 - expected).max() <= 0.51 / 255
    assert not answer.non_finite.any()
    changed, before = (class_numbers(np.rint(values * 255).astype(np.uint8).swapaxes(0, 1))
                       for values in (expected, alone.numpy()))  # fmt: skip
    assert (class_numbers(answer.probability.numpy().swapaxes(0, 1)) == changed).mean() > 0.99
    assert (changed != before).any()


def test_what_is_no_number_in_either_network(tmp_path: Path, tiles: torch.Tensor):
    first, other = weights(tmp_path, CLASSES, 0), weights(tmp_path, ["features"], 1)
    network = load_network(on_the_cpu(first, family="segmentation", score_threshold=0.05, foreground=second(other)))
    network._foreground._mean = network._foreground._mean * float("nan")
    assert network.predict_batch(tiles).non_finite.tolist() == [True, True]


def test_results_know_the_second_network(tmp_path: Path):
    first, other = weights(tmp_path, CLASSES, 0), weights(tmp_path, ["features"], 1)
    plain, both = (on_the_cpu(first, family="segmentation", score_threshold=0.05, foreground=named)
                   for named in (None, second(other)))  # fmt: skip
    assert "foreground" not in plain.cache_fields
    assert both.cache_fields["foreground"] == dict(sha256=sha256(other), share=0.5)


@pytest.mark.parametrize(
    ("first", "other", "message"),
    [
        (["sand", "rock"], ["features"], "model.weights has no background among its classes .sand, rock."),
        (CLASSES, ["background", "sand", "rock"], "maps sand, rock; mapping.foreground takes a network of a single"),
    ],
)
def test_networks_that_do_not_go_together(tmp_path: Path, first: list[str], other: list[str], message: str):
    paths = weights(tmp_path, first, 0), weights(tmp_path, other, 1)
    choice = on_the_cpu(paths[0], family="segmentation", score_threshold=0.05, foreground=second(paths[1]))
    with pytest.raises(OrbitileError, match=message) as error:
        load_network(choice)
    assert "\n" not in str(error.value)


def test_weights_of_another_hash(tmp_path: Path):
    first, other = weights(tmp_path, CLASSES, 0), weights(tmp_path, ["features"], 1)
    named = second(other) | dict(sha256="0" * 64)
    choice = on_the_cpu(first, family="segmentation", score_threshold=0.05, foreground=named)
    with pytest.raises(
        OrbitileError, match=rf"{other}: SHA-256 is \w+, but mapping\.foreground\.sha256 is 0+; use the right"
    ):
        load_network(choice)
