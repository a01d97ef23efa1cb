"""The adapter of DeepLabV3, with networks of made-up weights, compared with torchvision's own."""

from pathlib import Path

import pytest
import torch
from model_choices import on_the_cpu
from torchvision.models import segmentation

from orbitile.errors import OrbitileError
from orbitile.models.adapter import ModelChoice, load
from orbitile.models.deeplab import NETWORKS
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


def random_model(network: str = SMALL, classes: int = 1, **other: object) -> torch.nn.Module:
    """A network of made-up weights, whose last layer makes its answers differ from place to place."""
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
    description = dict(family="deeplabv3", network=network, names=names, mean=MEAN, std=STD) | changes
    save_tensors(folder / "model.safetensors", model.state_dict(),
                 {name: value for name, value in description.items() if value != "left out"})  # fmt: skip
    return folder / "model.safetensors"


def choice(weights: Path, **changes: object) -> ModelChoice:
    return on_the_cpu(weights, **dict(family="deeplabv3", score_threshold=0.05) | changes)


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
        (dict(network="deeplabv3_resnet50"), "RuntimeError: Error"),
        (dict(names={}), r"the numbers of its classes are \[\], not 0, 1, 2"),
        (dict(names={1: "crater"}), r"the numbers of its classes are \[1\], not 0, 1, 2"),
        (dict(names={0: "crater", 1: "pit"}), "RuntimeError: Error"),
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
    with pytest.raises(OrbitileError, match=rf"model\.safetensors: not weights of DeepLabV3 \(({reason})") as error:
        load(choice(weights))
    assert "\n" not in str(error.value)


def test_files_of_another_kind_are_refused(tmp_path: Path):
    (tmp_path / "model.safetensors").write_bytes(b"made up")
    with pytest.raises(OrbitileError, match=r"model\.safetensors: not weights in safetensors format"):
        load(choice(tmp_path / "model.safetensors"))
