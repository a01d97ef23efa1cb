from pathlib import Path

import pytest
import torch
from model_choices import on_the_cpu

from orbitile.base.errors import OrbitileError
from orbitile.inference.models.weights import save_tensors
from orbitile.inference.models.yolo import Yolo
from orbitile.training.detection.network import as_colours, build_detector, describe_detector


@pytest.mark.parametrize(("bands", "channels"), [(1, 3), (2, 2), (3, 3), (4, 4)])
def test_bands_are_channels_but_grey_is_three(bands: int, channels: int):
    model = build_detector("yolo11n.yaml", bands, 5)
    assert next(model.parameters()).shape[1] == channels
    assert model.names == {0: "crater"}
    assert model.args.epochs == 5
    described = describe_detector(model, bands, dict(score_threshold=0.3))
    assert (described["channels"], described["score_threshold"]) == (bands, 0.3)
    assert described["network"].get("channels", 3) == channels
    assert "yaml_file" not in described["network"]


@pytest.mark.parametrize("network", ["yolo11n.yaml", "yolo26n.yaml"])
def test_weights_are_read_again(network: str, tmp_path: Path):
    """By training, and by a run."""
    torch.manual_seed(3)
    model = build_detector(network, 1, 5)
    save_tensors(tmp_path / "a.safetensors", model.state_dict(), describe_detector(model, 1, {}))
    again = build_detector(str(tmp_path / "a.safetensors"), 1, 5)
    states = [{name: tensor.float() for name, tensor in part.state_dict().items()} for part in (model, again)]
    assert states[0].keys() == states[1].keys()
    assert all(torch.allclose(states[0][name], states[1][name], atol=1e-3) for name in states[0])
    choice = on_the_cpu(tmp_path / "a.safetensors", family="yolo", score_threshold=0.0)
    assert Yolo.load(choice).names == ("crater",)


@pytest.mark.parametrize("bands", [2, 4])
def test_weights_for_other_bands_give_the_same_where_bands_are_equal(tmp_path: Path, bands: int):
    torch.manual_seed(3)
    model = build_detector("yolo11n.yaml", 1, 5)
    save_tensors(tmp_path / "a.safetensors", model.state_dict(), describe_detector(model, 1, {}))
    other = build_detector(str(tmp_path / "a.safetensors"), bands, 5)
    first, *rest = other.state_dict()
    assert other.state_dict()[first].shape[1] == bands
    assert all(torch.allclose(other.state_dict()[name].float(), model.state_dict()[name].float(), atol=1e-3)
               for name in rest)  # fmt: skip
    grey = torch.rand(1, 1, 32, 32)
    answers = [net.model[0].conv(grey.expand(-1, net.model[0].conv.in_channels, -1, -1)) for net in (model, other)]
    assert torch.allclose(*answers, atol=1e-2)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("missing.yaml", None, "no network can be read"),
        ("missing.pt", None, "there is no such file"),
        ("missing.safetensors", None, "no network can be read"),
        ("network", None, "no network can be read"),
        ("a.yaml", "hello", "no network can be read"),
        ("a.yaml", "[1, 2]", "no network can be read"),
        ("a.yaml", "nc: 1", "no network can be read"),
        ("a.yaml", "a: [", "no network can be read"),
        ("a.pt", "junk", "no network can be read"),
        ("a.safetensors", "junk", "no network can be read"),
        ("yolo11n-seg.yaml", None, "no network that finds boxes .its head is a Segment"),
        ("yolo11n-cls.yaml", None, "no network that finds boxes .its head is a Classify"),
        ("rtdetr-l.yaml", None, "no network that finds boxes .its head is a RTDETRDecoder"),
    ],
)
def test_what_is_no_network_is_refused(tmp_path: Path, name: str, text: str | None, message: str):
    """In a single line that names the setting and the way out."""
    if text is not None:
        (tmp_path / name).write_text(text)
        name = str(tmp_path / name)
    with pytest.raises(OrbitileError, match=message) as error:
        build_detector(name, 1, 5)
    line = str(error.value)
    assert line.startswith("training.start_from: ")
    assert line.endswith("name one of ultralytics, as yolo11n.yaml, or weights (.safetensors, .pt)")
    assert "\n" not in line


def test_weights_without_a_tensor_that_fits_are_refused(tmp_path: Path):
    description = describe_detector(build_detector("yolo11n.yaml", 1, 5), 1, {})
    save_tensors(tmp_path / "a.safetensors", {"model.0.conv.weight": torch.zeros(1)}, description)
    with pytest.raises(OrbitileError, match=r"none of the tensors of .* fits"):
        build_detector(str(tmp_path / "a.safetensors"), 1, 5)


def test_images_are_colours():
    grey = torch.arange(4, dtype=torch.uint8).reshape(1, 1, 2, 2) * 85
    assert as_colours(grey)[0].tolist() == [grey[0, 0].float().div(255).tolist()] * 3
    assert as_colours(torch.zeros(2, 4, 8, 8, dtype=torch.uint8)).shape == (2, 4, 8, 8)
