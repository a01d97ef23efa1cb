"""The adapter of segmentation networks, with made-up weights, compared with the libraries' own answers."""

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from model_choices import on_the_cpu
from torch import tensor
from torchvision.models import segmentation

from orbitile.base.errors import OrbitileError
from orbitile.inference.models.architectures import TORCHVISION as NETWORKS
from orbitile.inference.models.architectures import build_network
from orbitile.inference.models.load import load_network
from orbitile.inference.models.network import ModelChoice
from orbitile.inference.models.segmentation import NetworkDescription
from orbitile.inference.models.weights import load_tensors, save_tensors

SIDE = 96
MEAN, STD = [0.3, 0.4, 0.5], [0.2, 0.25, 0.3]
SMALL = "deeplabv3_mobilenet_v3_large"


def made_up_tiles() -> torch.Tensor:
    torch.manual_seed(1)
    coarse = torch.rand(2, 1, 8, 8)
    return (torch.nn.functional.interpolate(coarse, SIDE, mode="bicubic") * 255).clamp(0, 255).to(torch.uint8)


@pytest.fixture(scope="module")
def tiles() -> torch.Tensor:
    return made_up_tiles()


@pytest.fixture(scope="module", autouse=True)
def one_core() -> None:
    """Threads that wait for each other would take most of the time of such small images."""
    torch.set_num_threads(1)


def random_model(network: str = SMALL, classes: int = 1, **options: object) -> torch.nn.Module:
    """A network of made-up weights, whose last layer makes its answers differ from place to place."""
    return copy.deepcopy(_random_model(network, classes, **options))


@cache
def _random_model(network: str, classes: int, **options: object) -> torch.nn.Module:
    torch.manual_seed(0)
    build = getattr(segmentation, network)
    model = build(weights=None, weights_backbone=None, num_classes=classes, **options).eval()
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.05)
                part.running_var.uniform_(0.5, 1.5)
        spread, middle = torch.std_mean(own_answers(model, made_up_tiles()), dim=(0, 2, 3))
        last = model.classifier[-1]
        last.weight.mul_(2 / spread[:, None, None, None])
        last.bias.copy_((last.bias - middle) * 2 / spread)
    return model


@torch.inference_mode()
def own_answers(model: torch.nn.Module, tiles: torch.Tensor) -> torch.Tensor:
    """What torchvision makes of grey images in three channels, scaled one by one."""
    channels = [(tiles[:, 0] / 255 - mean) / std for mean, std in zip(MEAN, STD, strict=True)]
    return model(torch.stack(channels, dim=1))["out"].clone()


def saved(model: torch.nn.Module, folder: Path, network: str = SMALL, classes: int = 1, **changes: object) -> Path:
    names = {number: f"class {number}" for number in range(classes)}
    description = dict(family="segmentation", network=network, names=names, mean=MEAN, std=STD) | changes
    save_tensors(folder / "model.safetensors", model.state_dict(),
                 {name: value for name, value in description.items() if value != "left out"})  # fmt: skip
    return folder / "model.safetensors"


def choice(weights: Path, **changes: object) -> ModelChoice:
    return on_the_cpu(weights, **dict(family="segmentation", score_threshold=0.05) | changes)


@pytest.mark.parametrize(("network", "classes"), [*((network, 1) for network in NETWORKS), (SMALL, 2), (SMALL, 5)])
def test_probabilities_are_those_of_torchvision(tmp_path: Path, tiles: torch.Tensor, network: str, classes: int):
    """One step of 1/255 is left to rounding."""
    model = random_model(network, classes)
    logits = own_answers(model, tiles)
    expected = logits.sigmoid() if classes == 1 else logits.softmax(dim=1)
    adapter = load_network(choice(saved(model, tmp_path, network, classes)))
    masks = adapter.predict_batch(tiles)
    assert masks.probability.shape == (2, classes, SIDE, SIDE)
    assert masks.probability.dtype == torch.uint8
    assert (masks.probability / 255 - expected).abs().max() <= 1 / 255
    assert masks.probability.float().std() > 25
    assert not masks.non_finite.any()
    assert adapter.names == tuple(f"class {number}" for number in range(classes))
    assert (adapter.channels, adapter.reflect_padding, adapter.max_objects) == (1, True, None)


def test_names_go_by_their_numbers(tmp_path: Path):
    """Also beyond 9, where text would sort otherwise."""
    names = {number: f"name {number}" for number in range(11)}
    adapter = load_network(choice(saved(random_model(classes=11), tmp_path, names=names)))
    assert adapter.names == tuple(names.values())


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_gives_nearly_the_same(tmp_path: Path, tiles: torch.Tensor, precision: str):
    """Made-up weights; measured: 0.004 and 0.012 at most."""
    weights = saved(random_model(), tmp_path)
    full, half = (load_network(choice(weights, precision=name)).predict_batch(tiles) for name in ("float32", precision))
    assert (full.probability.int() - half.probability.int()).abs().max() <= 0.03 * 255


def test_the_second_head_of_training_is_left_out(tmp_path: Path, tiles: torch.Tensor):
    model = random_model(aux_loss=True)
    masks = load_network(choice(saved(model, tmp_path))).predict_batch(tiles)
    assert (masks.probability / 255 - own_answers(model, tiles).sigmoid()).abs().max() <= 1 / 255


def test_weights_that_are_no_numbers_break_all_tiles(tmp_path: Path, tiles: torch.Tensor):
    model = random_model()
    with torch.no_grad():
        model.classifier[-1].weight[0, 3] = float("nan")
    assert load_network(choice(saved(model, tmp_path))).predict_batch(tiles).non_finite.tolist() == [True, True]


def test_answers_that_are_no_numbers_break_their_tile_alone(tmp_path: Path, tiles: torch.Tensor):
    adapter = load_network(choice(saved(random_model(), tmp_path)))
    network_forward = adapter._model

    def spoilt(images: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = network_forward(images)["out"]
        logits[1, 0, 3, 7] = float("inf")
        return dict(out=logits)

    adapter._model = spoilt
    assert adapter.predict_batch(tiles).non_finite.tolist() == [False, True]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (dict(network="left out"), "the description in the file lacks network"),
        (dict(names="left out"), "the description in the file lacks names"),
        (dict(mean="left out", std="left out"), "the description in the file lacks mean, std"),
        (dict(network="fcn_resnet50"), "unknown network fcn_resnet50; allowed are deeplabv3_resnet50, "),
        (dict(network=["deeplabv3_resnet50"]), ""),
        (
            dict(network="deeplabv3_resnet50"),
            r"\d+ of the network\'s \d+ tensors are missing in the file, first backbone",
        ),
        (dict(names={}), r"the numbers of its classes are \[\], not 0, 1, 2"),
        (dict(names={1: "crater"}), r"the numbers of its classes are \[1\], not 0, 1, 2"),
        (dict(names={0: "crater", 1: "pit"}), "2 classes are named, but the weights have outputs for 1"),
        (dict(names={"crater": 0}), "ValueError"),
        (dict(names=["crater"]), "AttributeError"),
        (dict(mean=0.5), "TypeError"),
        (dict(mean=[0.5]), "ValueError|mean is"),
        (dict(mean=[0.5], std=[0.2]), r"mean is \[0.5\] and std is \[0.2\]; each must have 3 numbers"),
        (dict(mean=["a", "b", "c"]), ""),
        (dict(std=[0.2, 0.2, 0]), ".* those of std above 0"),
        (dict(std=[0.2, 0.2, float("nan")]), ".* those of std above 0"),
    ],
)
def test_wrong_descriptions_are_refused(tmp_path: Path, change: dict, reason: str):
    weights = saved(random_model(), tmp_path, **change)
    with pytest.raises(
        OrbitileError, match=rf"model\.safetensors: not weights of a segmentation network \(({reason})"
    ) as error:
        load_network(choice(weights))
    assert "\n" not in str(error.value)


def test_files_of_another_kind_are_refused(tmp_path: Path):
    (tmp_path / "model.safetensors").write_bytes(b"made up")
    with pytest.raises(OrbitileError, match=r"model\.safetensors: not weights in safetensors format"):
        load_network(choice(tmp_path / "model.safetensors"))


DESCRIBED = dict(network=SMALL, classes=("fracture",), mean=tuple(MEAN), std=tuple(STD))


def prefixed(model: torch.nn.Module, prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: prefixed(model, ""),
        lambda model: dict(state_dict=prefixed(model, "model."), epoch=3, loss=0.1),
        lambda model: dict(model=prefixed(model, "module."), optimizer=dict(state={})),
        lambda model: dict(model_state_dict=prefixed(model, "_orig_mod.")),
        lambda model: dict(net=prefixed(model, "module._orig_mod.")),
        lambda model: dict(state_dict=prefixed(model, "model.") | {"loss.weight": torch.ones(1)}),
        lambda model: {name: one for name, one in model.state_dict().items() if "num_batches" not in name},
        lambda model: model.state_dict() | {"aux_classifier.0.weight": torch.zeros(3)},
    ],
    ids=["plain", "lightning", "data parallel", "compiled", "both", "with a loss", "old", "second head"],
)
def test_state_dicts_give_what_the_network_gave(tmp_path: Path, tiles: torch.Tensor, wrap: Callable):
    model = random_model()
    torch.save(wrap(model), tmp_path / "model.ckpt")
    adapter = load_network(choice(tmp_path / "model.ckpt", **DESCRIBED))
    expected = load_network(choice(saved(model, tmp_path))).predict_batch(tiles).probability
    assert torch.equal(adapter.predict_batch(tiles).probability, expected)
    assert (adapter.names, adapter.channels, adapter.threshold) == (("fracture",), 1, None)


def smp_network(tmp_path: Path, channels: int = 2, classes: int = 1) -> tuple[torch.nn.Module, Path]:
    """A U-Net of made-up weights, and its file."""
    torch.manual_seed(0)
    model = build_network("unet:tu-mobilenetv3_small_050", channels, classes).eval()
    names = dict(enumerate(("background", "ridge", "fracture")[:classes] if classes > 1 else ("fracture",)))
    description = dict(network="unet:tu-mobilenetv3_small_050", names=names, channels=channels, threshold=0.4,
                 mean=[0.3, 0.6][:channels], std=[0.2, 0.1][:channels])  # fmt: skip
    save_tensors(tmp_path / "unet.safetensors", model.state_dict(), description)
    return model, tmp_path / "unet.safetensors"


@torch.inference_mode()
def test_unet_of_two_channels(tmp_path: Path):
    """Sides that are no multiple of 32 are reflected for it, and the answer is as large as the image."""
    model, weights = smp_network(tmp_path)
    images = (torch.rand(3, 2, 80, 80) * 255).to(torch.uint8)
    scaled = (images / 255 - tensor([0.3, 0.6]).view(2, 1, 1)) / tensor([0.2, 0.1]).view(2, 1, 1)
    expected = model(torch.nn.functional.pad(scaled, (0, 16, 0, 16), "reflect"))[..., :80, :80].sigmoid()
    adapter = load_network(choice(weights, bands=2))
    masks = adapter.predict_batch(images)
    assert (masks.probability / 255 - expected).abs().max() <= 1 / 255
    assert (adapter.channels, adapter.threshold) == (2, 0.4)
    assert NetworkDescription.from_metadata(load_tensors(weights)[1]).mapped == (0,)


@torch.inference_mode()
def test_colour_images_go_into_torchvision_s_networks_as_they_are(tmp_path: Path):
    """Of weights that state three channels, none, or are described by the settings."""
    model = random_model()
    images = (torch.rand(2, 3, SIDE, SIDE) * 255).to(torch.uint8)
    scaled = (images / 255 - tensor(MEAN).view(3, 1, 1)) / tensor(STD).view(3, 1, 1)
    expected = model(scaled)["out"].sigmoid()
    torch.save(model.state_dict(), tmp_path / "model.pt")
    for stated in (dict(), dict(channels=3), None):
        weights = tmp_path / "model.pt" if stated is None else saved(model, tmp_path, **stated)
        adapter = load_network(choice(weights, bands=3, **(DESCRIBED if stated is None else {})))
        assert adapter.channels == 3
        assert (adapter.predict_batch(images).probability / 255 - expected).abs().max() <= 1 / 255


def test_images_of_other_numbers_of_bands_are_refused(tmp_path: Path):
    _, unet = smp_network(tmp_path)
    model = random_model()
    cases = {
        (unet, 1): r"unet\.safetensors: the network takes images of 2 channels, but those of this run have 1 band;",
        (saved(model, tmp_path), 2): "the network takes images of 1 or 3 channels, but those of this run have 2 bands",
    }
    for (weights, bands), message in cases.items():
        with pytest.raises(OrbitileError, match=message):
            load_network(choice(weights, bands=bands))
    with pytest.raises(OrbitileError, match="the network takes images of 1 channel, but those of this run have 3 band"):
        load_network(choice(saved(model, tmp_path, channels=1), bands=3))


@torch.inference_mode()
def test_background_is_weighed_but_not_answered(tmp_path: Path):
    model, weights = smp_network(tmp_path, 1, 3)
    images = (torch.rand(2, 1, 64, 64) * 255).to(torch.uint8)
    expected = model((images / 255 - 0.3) / 0.2).softmax(dim=1)[:, 1:]
    adapter = load_network(choice(weights))
    assert adapter.names == ("ridge", "fracture")
    assert (adapter.predict_batch(images).probability / 255 - expected).abs().max() <= 1 / 255


@pytest.mark.parametrize("network", ["unet:resnet18", "deeplabv3plus:resnet18", "fpn:mobilenet_v2"])
@torch.inference_mode()
def test_networks_whose_code_cannot_be_followed_are_run_as_they_are(tmp_path: Path, network: str):
    torch.manual_seed(0)
    model = build_network(network, 1, 1).eval()
    description = dict(network=network, names={0: "fracture"}, channels=1, mean=[0.5], std=[0.2])
    save_tensors(tmp_path / "model.safetensors", model.state_dict(), description)
    images = (torch.rand(1, 1, 64, 64) * 255).to(torch.uint8)
    masks = load_network(choice(tmp_path / "model.safetensors")).predict_batch(images).probability
    assert (masks / 255 - model((images / 255 - 0.5) / 0.2).sigmoid()).abs().max() <= 1 / 255


class Code:
    """What a pickle may hold that runs when it is read."""

    def __reduce__(self) -> tuple:
        return print, ("code was run",)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (dict(network=None), r"the file does not describe its network; the settings must: model\.network\)"),
        (dict(classes=None, mean=None), r"the settings must: model\.classes, model\.mean\)"),
        (dict(std=(0.2,)), "each must have 3 numbers"),
        (dict(classes=("a", "b")), "2 classes are named, but the weights have outputs for 1"),
        (dict(classes=("background",)), "its only class is background"),
        (
            dict(network="deeplabv3_resnet50"),
            r"\d+ of the network\'s \d+ tensors are missing in the file, first bac",
        ),
        (
            dict(network="unet:resnet18"),
            r"\d+ of the network\'s \d+ tensors are missing in the file, first encoder",
        ),
        (dict(network="unett:resnet18"), "unknown architecture in unett:resnet18; allowed are unet, "),
        (dict(network="unet:resnet19"), r"unknown encoder in unet:resnet19; the nearest of \d+ are resnet18, "),
        (dict(network="unet:tu-nothing"), "cannot be built"),
        (dict(network="nothing"), "allowed are deeplabv3_resnet50, .* unet"),
    ],
)
def test_wrong_statements_about_state_dicts_are_refused(tmp_path: Path, change: dict, reason: str):
    torch.save(random_model().state_dict(), tmp_path / "model.pt")
    with pytest.raises(OrbitileError, match=rf"model\.pt: not weights of a segmentation network \(.*{reason}") as error:
        load_network(choice(tmp_path / "model.pt", **DESCRIBED | change))
    assert "\n" not in str(error.value)


def test_another_number_of_channels_is_told(tmp_path: Path):
    model, _ = smp_network(tmp_path)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    stated = DESCRIBED | dict(network="unet:tu-mobilenetv3_small_050")
    with pytest.raises(OrbitileError, match="first layer takes 2 channels, that of the network described takes 3"):
        load_network(choice(tmp_path / "model.pt", **stated))


def test_files_that_hold_no_state_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture):
    state = random_model().state_dict()
    torch.save(state, tmp_path / "whole.pt")
    cut = (tmp_path / "whole.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(cut[: len(cut) // 2])
    (tmp_path / "text.pt").write_text("made up")
    torch.save(dict(state_dict=state, other=Code()), tmp_path / "code.pt")
    torch.save(random_model(), tmp_path / "model.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save(dict(epoch=1), tmp_path / "empty.pt")
    reasons = dict(cut="no readable checkpoint", text="no readable checkpoint",
                   code="to read it would run code, .*print", model="to read it would run code, torchvision",
                   list="the file holds no tensors", empty="the file holds no tensors")  # fmt: skip
    for name, reason in reasons.items():
        with pytest.raises(
            OrbitileError, match=rf"{name}\.pt: not weights of a segmentation network \({reason}"
        ) as error:
            load_network(choice(tmp_path / f"{name}.pt", **DESCRIBED))
        assert "\n" not in str(error.value)
    assert "code was run" not in capsys.readouterr().out
