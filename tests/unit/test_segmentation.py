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

from orbitile.errors import OrbitileError
from orbitile.models.adapter import ModelChoice, load
from orbitile.models.architectures import TORCHVISION as NETWORKS
from orbitile.models.architectures import build
from orbitile.models.segmentation import describe
from orbitile.models.weights import save_tensors

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


def random_model(network: str = SMALL, classes: int = 1, **other: object) -> torch.nn.Module:
    """A network of made-up weights, whose last layer makes its answers differ from place to place."""
    return copy.deepcopy(_random_model(network, classes, **other))


@cache
def _random_model(network: str, classes: int, **other: object) -> torch.nn.Module:
    torch.manual_seed(0)
    build = getattr(segmentation, network)
    model = build(weights=None, weights_backbone=None, num_classes=classes, **other).eval()
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
    answers = own_answers(model, tiles)
    expected = answers.sigmoid() if classes == 1 else answers.softmax(dim=1)
    adapter = load(choice(saved(model, tmp_path, network, classes)))
    found = adapter.predict_batch(tiles)
    assert found.probability.shape == (2, classes, SIDE, SIDE)
    assert found.probability.dtype == torch.uint8
    assert (found.probability / 255 - expected).abs().max() <= 1 / 255
    assert found.probability.float().std() > 25
    assert not found.broken.any()
    assert adapter.names == tuple(f"class {number}" for number in range(classes))
    assert (adapter.channels, adapter.reflects, adapter.most) == (1, True, None)


def test_names_go_by_their_numbers(tmp_path: Path):
    """Also beyond 9, where text would sort otherwise."""
    names = {number: f"name {number}" for number in range(11)}
    adapter = load(choice(saved(random_model(classes=11), tmp_path, names=names)))
    assert adapter.names == tuple(names.values())


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_gives_nearly_the_same(tmp_path: Path, tiles: torch.Tensor, precision: str):
    """Made-up weights; measured: 0.004 and 0.012 at most."""
    weights = saved(random_model(), tmp_path)
    full, half = (load(choice(weights, precision=one)).predict_batch(tiles) for one in ("float32", precision))
    assert (full.probability.int() - half.probability.int()).abs().max() <= 0.03 * 255


def test_the_second_head_of_training_is_left_out(tmp_path: Path, tiles: torch.Tensor):
    model = random_model(aux_loss=True)
    found = load(choice(saved(model, tmp_path))).predict_batch(tiles)
    assert (found.probability / 255 - own_answers(model, tiles).sigmoid()).abs().max() <= 1 / 255


def test_weights_that_are_no_numbers_break_all_tiles(tmp_path: Path, tiles: torch.Tensor):
    model = random_model()
    with torch.no_grad():
        model.classifier[-1].weight[0, 3] = float("nan")
    assert load(choice(saved(model, tmp_path))).predict_batch(tiles).broken.tolist() == [True, True]


def test_answers_that_are_no_numbers_break_their_tile_alone(tmp_path: Path, tiles: torch.Tensor):
    adapter = load(choice(saved(random_model(), tmp_path)))
    answer = adapter._model

    def spoilt(images: torch.Tensor) -> dict[str, torch.Tensor]:
        answers = answer(images)["out"]
        answers[1, 0, 3, 7] = float("inf")
        return dict(out=answers)

    adapter._model = spoilt
    assert adapter.predict_batch(tiles).broken.tolist() == [False, True]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (dict(network="left out"), "KeyError: 'network'"),
        (dict(names="left out"), "KeyError: 'names'"),
        (dict(mean="left out"), "KeyError: 'mean'"),
        (dict(std="left out"), "KeyError: 'std'"),
        (dict(network="fcn_resnet50"), "its network is fcn_resnet50; known are deeplabv3_resnet50, "),
        (dict(network=["deeplabv3_resnet50"]), ""),
        (dict(network="deeplabv3_resnet50"), "they are those of another network: .* the first is backbone"),
        (dict(names={}), r"the numbers of its classes are \[\], not 0, 1, 2"),
        (dict(names={1: "crater"}), r"the numbers of its classes are \[1\], not 0, 1, 2"),
        (dict(names={0: "crater", 1: "pit"}), "they answer 1 classes, but 2 are named"),
        (dict(names={"crater": 0}), "ValueError"),
        (dict(names=["crater"]), "AttributeError"),
        (dict(mean=0.5), "TypeError|ValueError|mean 0.5"),
        (dict(mean=[0.5]), "ValueError|mean"),
        (dict(mean=[0.5], std=[0.2]), r"mean \[0.5\] and std \[0.2\] are not 3 numbers each"),
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
        load(choice(weights))
    assert "\n" not in str(error.value)


def test_files_of_another_kind_are_refused(tmp_path: Path):
    (tmp_path / "model.safetensors").write_bytes(b"made up")
    with pytest.raises(OrbitileError, match=r"model\.safetensors: not weights in safetensors format"):
        load(choice(tmp_path / "model.safetensors"))


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
    adapter = load(choice(tmp_path / "model.ckpt", **DESCRIBED))
    expected = load(choice(saved(model, tmp_path))).predict_batch(tiles).probability
    assert torch.equal(adapter.predict_batch(tiles).probability, expected)
    assert (adapter.names, adapter.channels, adapter.threshold) == (("fracture",), 1, None)


def smp_network(tmp_path: Path, channels: int = 2, classes: int = 1) -> tuple[torch.nn.Module, Path]:
    """A U-Net of made-up weights, and its file."""
    torch.manual_seed(0)
    model = build("unet:tu-mobilenetv3_small_050", channels, classes).eval()
    names = dict(enumerate(("background", "ridge", "fracture")[:classes] if classes > 1 else ("fracture",)))
    about = dict(network="unet:tu-mobilenetv3_small_050", names=names, channels=channels, threshold=0.4,
                 mean=[0.3, 0.6][:channels], std=[0.2, 0.1][:channels])  # fmt: skip
    save_tensors(tmp_path / "unet.safetensors", model.state_dict(), about)
    return model, tmp_path / "unet.safetensors"


@torch.inference_mode()
def test_unet_of_two_channels(tmp_path: Path):
    """Sides that are no multiple of 32 are reflected for it, and the answer is as large as the image."""
    model, weights = smp_network(tmp_path)
    images = (torch.rand(3, 2, 80, 80) * 255).to(torch.uint8)
    scaled = (images / 255 - tensor([0.3, 0.6]).view(2, 1, 1)) / tensor([0.2, 0.1]).view(2, 1, 1)
    expected = model(torch.nn.functional.pad(scaled, (0, 16, 0, 16), "reflect"))[..., :80, :80].sigmoid()
    adapter = load(choice(weights))
    found = adapter.predict_batch(images)
    assert (found.probability / 255 - expected).abs().max() <= 1 / 255
    assert (adapter.channels, adapter.threshold) == (2, 0.4)
    assert describe(weights).mapped == (0,)


@torch.inference_mode()
def test_background_is_weighed_but_not_answered(tmp_path: Path):
    model, weights = smp_network(tmp_path, 1, 3)
    images = (torch.rand(2, 1, 64, 64) * 255).to(torch.uint8)
    expected = model((images / 255 - 0.3) / 0.2).softmax(dim=1)[:, 1:]
    adapter = load(choice(weights))
    assert adapter.names == ("ridge", "fracture")
    assert (adapter.predict_batch(images).probability / 255 - expected).abs().max() <= 1 / 255


@pytest.mark.parametrize("network", ["unet:resnet18", "deeplabv3plus:resnet18", "fpn:mobilenet_v2"])
@torch.inference_mode()
def test_networks_whose_code_cannot_be_followed_are_run_as_they_are(tmp_path: Path, network: str):
    torch.manual_seed(0)
    model = build(network, 1, 1).eval()
    about = dict(network=network, names={0: "fracture"}, channels=1, mean=[0.5], std=[0.2])
    save_tensors(tmp_path / "model.safetensors", model.state_dict(), about)
    images = (torch.rand(1, 1, 64, 64) * 255).to(torch.uint8)
    found = load(choice(tmp_path / "model.safetensors")).predict_batch(images).probability
    assert (found / 255 - model((images / 255 - 0.5) / 0.2).sigmoid()).abs().max() <= 1 / 255


class Code:
    """What a pickle may hold that runs when it is read."""

    def __reduce__(self) -> tuple:
        return print, ("code was run",)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (dict(network=None), r"they do not describe their network; state model\.network\)"),
        (dict(classes=None, mean=None), r"state model\.classes, model\.mean\)"),
        (dict(std=(0.2,)), "not 3 numbers each"),
        (dict(classes=("a", "b")), "they answer 1 classes, but 2 are named"),
        (dict(classes=("background",)), "it has no class but background"),
        (
            dict(network="deeplabv3_resnet50"),
            r"of another network: \d+ of its \d+ tensors are missing, the first is bac",
        ),
        (
            dict(network="unet:resnet18"),
            r"of another network: \d+ of its \d+ tensors are missing, the first is encoder",
        ),
        (dict(network="unett:resnet18"), "known architectures are unet, "),
        (dict(network="unet:resnet19"), r"nearest of \d+ known encoders are resnet18, "),
        (dict(network="unet:tu-nothing"), "cannot be built"),
        (dict(network="nothing"), "known are deeplabv3_resnet50, .* unet"),
    ],
)
def test_wrong_statements_about_state_dicts_are_refused(tmp_path: Path, change: dict, reason: str):
    torch.save(random_model().state_dict(), tmp_path / "model.pt")
    with pytest.raises(OrbitileError, match=rf"model\.pt: not weights of a segmentation network \(.*{reason}") as error:
        load(choice(tmp_path / "model.pt", **DESCRIBED | change))
    assert "\n" not in str(error.value)


def test_another_number_of_channels_is_told(tmp_path: Path):
    model, _ = smp_network(tmp_path)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    stated = DESCRIBED | dict(network="unet:tu-mobilenetv3_small_050")
    with pytest.raises(OrbitileError, match="their first layer takes 2 channels, not 3"):
        load(choice(tmp_path / "model.pt", **stated))


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
    reasons = dict(cut="no readable checkpoint", text="no readable checkpoint", code="it would run code, .*print",
                   model="it would run code, torchvision",
                   list="it holds no tensors", empty="it holds no tensors")  # fmt: skip
    for name, reason in reasons.items():
        with pytest.raises(
            OrbitileError, match=rf"{name}\.pt: not weights of a segmentation network \({reason}"
        ) as error:
            load(choice(tmp_path / f"{name}.pt", **DESCRIBED))
        assert "\n" not in str(error.value)
    assert "code was run" not in capsys.readouterr().out
