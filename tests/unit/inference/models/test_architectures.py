"""Networks by name: what each takes and gives, as it is built and as weights of it are loaded and run."""

import copy

import pytest
import torch
from model_choices import on_the_cpu
from segmentation_models_pytorch import DPT

from orbitile.base.errors import OrbitileError
from orbitile.inference.models.architectures import build_network, encoder_of, input_stride, second_channels
from orbitile.inference.models.load import load_network
from orbitile.inference.models.vision_transformers import PatchProjection, project_patches
from orbitile.inference.models.weights import save_tensors

TRANSFORMER, DINO = "dpt:tu-vit_tiny_patch16_224", "dpt:tu-vit_small_patch14_dinov2"
NETWORKS = {
    "plain_unet:2x4": 4, "unet3plus:3x4": 4, "unet3plus:3x4:residual:transposed": 4, "unetplusplus:resnet18": 32,
    "two_branch_unet:tu-mobilenetv3_small_050": 32, DINO: 28,
}  # fmt: skip
"""Networks and their input strides."""


@pytest.fixture(autouse=True)
def one_core():
    torch.set_num_threads(1)


@pytest.mark.parametrize(("name", "stride"), NETWORKS.items())
@torch.inference_mode()
def test_weights_written_and_loaded_give_the_same(tmp_path, name, stride):
    """Sides that are no multiple of the stride are reflected for the network; one step of 1/255 is left to rounding."""
    torch.manual_seed(0)
    network = build_network(name, 2, 3).eval()
    side, full = 2 * stride - 3, 2 * stride
    names = {0: "background", 1: "ridge", 2: "vein"}
    save_tensors(tmp_path / "model.safetensors", network.state_dict(),
                 dict(network=name, names=names, channels=2, mean=[0.3, 0.6], std=[0.2, 0.1]))  # fmt: skip
    images = (torch.rand(2, 2, side, side) * 255).to(torch.uint8)
    scaled = (images / 255 - torch.tensor([0.3, 0.6]).view(2, 1, 1)) / torch.tensor([0.2, 0.1]).view(2, 1, 1)
    padded = torch.nn.functional.pad(scaled, (0, full - side, 0, full - side), "reflect")
    logits = network(padded)[..., :side, :side]
    choice = on_the_cpu(tmp_path / "model.safetensors", family="segmentation", score_threshold=0.05, bands=2)
    masks = load_network(choice).predict_batch(images)
    assert input_stride(name) == stride
    assert (masks.probability / 255 - logits.softmax(dim=1)[:, 1:]).abs().max() <= 1 / 255
    assert not masks.non_finite.any()


@pytest.mark.parametrize("name", NETWORKS)
def test_training_reaches_all_weights(name):
    """With bfloat16 as a GPU would train it."""
    torch.manual_seed(0)
    network = build_network(name, 2, 1)
    side = 2 * input_stride(name)
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(torch.rand(2, 2, side, side))
    logits.float().square().mean().backward()
    assert logits.shape == (2, 1, side, side)
    unreached = [key for key, tensor in network.named_parameters() if tensor.grad is None or not tensor.grad.any()]
    assert len(unreached) <= 0.1 * len(list(network.parameters())), unreached


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
@torch.inference_mode()
def test_networks_take_any_number_of_channels(channels):
    for name in ("unet:resnet18", "plain_unet:2x4", "unet3plus:3x4"):
        assert build_network(name, channels, 2).eval()(torch.rand(1, channels, 32, 32)).shape == (1, 2, 32, 32)


@torch.inference_mode()
def test_the_second_modality_takes_a_branch_of_its_own():
    """The encoder is blind to it, the answer is not."""
    torch.manual_seed(0)
    network = build_network("two_branch_unet:resnet18:2", 5, 1).eval()
    images = torch.rand(1, 5, 64, 64)
    seen = []
    network.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    other = torch.cat([images[:, :3], torch.rand(1, 2, 64, 64)], dim=1)
    assert not torch.allclose(network(images), network(other))
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[0], images[:, :3])
    assert network.branch[0].in_channels == 2
    assert [second_channels(name) for name in ("two_branch_unet:vgg11", "unet:vgg11")] == [1, 0]
    assert encoder_of("two_branch_unet:resnet18:2") == "resnet18"


@torch.inference_mode()
def test_patches_of_a_power_of_2_are_left_to_the_library():
    torch.manual_seed(0)
    network = build_network(TRANSFORMER, 1, 1).eval()
    reference = DPT("tu-vit_tiny_patch16_224", encoder_weights=None, in_channels=1, dynamic_img_size=True).eval()
    reference.load_state_dict(network.state_dict())
    images = torch.rand(1, 1, 64, 96)
    assert torch.allclose(network(images), reference(images), atol=1e-4)


@pytest.mark.parametrize(("side", "channels"), [(16, 4), (14, 4), (4, 16), (16, 3)])
@torch.inference_mode()
def test_patches_are_projected_as_convolutions_do(side, channels):
    """In bfloat16 too, where the library's convolution is wrong on CPUs with AMX."""
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(channels, 24, side, side)
    projection = project_patches(torch.nn.Sequential(copy.deepcopy(convolution)))
    images = torch.rand(2, channels, 3 * side, 2 * side)
    expected = convolution(images)
    assert type(projection[0]) is PatchProjection
    assert torch.allclose(projection(images), expected, atol=1e-5)
    half = projection.bfloat16()(images.bfloat16()).float()
    assert (half - expected).norm() / expected.norm() < 0.02


def test_other_convolutions_stay_as_they_are():
    parts = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 4, 2), torch.nn.Conv2d(2, 2, 4, 4, groups=2), torch.nn.Conv2d(2, 2, 4, 4, padding=1),
        torch.nn.Conv2d(2, 2, 2, 2), torch.nn.Conv2d(2, 2, 1),
    )  # fmt: skip
    assert all(type(part) is torch.nn.Conv2d for part in project_patches(parts))


@torch.inference_mode()
def test_windows_of_swin_transformers_take_other_sizes():
    network = build_network("unet:tu-swin_tiny_patch4_window7_224", 1, 1).eval()
    assert network(torch.zeros(1, 1, 96, 64)).shape == (1, 1, 96, 64)


@pytest.mark.parametrize(
    ("name", "channels", "message"),
    [
        ("two_branch_unet:resnet18", 1, "takes images of at least 2 channels, the last of them of the second modality"),
        ("two_branch_unet:resnet18:3", 3, "takes images of at least 4 channels"),
        ("two_branch_unet:resnet18:0", 3, "write two_branch_unet:resnet34, or the number of bands of the second"),
        ("two_branch_unet:resnet18:1:1", 3, "write two_branch_unet:resnet34"),
        ("two_branch_unet:resnet", 2, "unknown encoder in two_branch_unet:resnet; the nearest of"),
        ("two_branch_unet:", 2, "two_branch_unet: names no encoder"),
        ("unet4:resnet18", 1, "unknown architecture in unet4:resnet18; allowed are unet, "),
        ("plain_unet", 1, "unknown network plain_unet; allowed are deeplabv3_resnet50, "),
        ("dpt:resnet18", 1, "cannot be built (Only Timm encoders are supported for DPT"),
        ("unet:tu-vit_tiny_patch16_224", 1, "cannot be built (Unsupported model downsampling pattern"),
        ("two_branch_unet:tu-vit_tiny_patch16_224", 2, "cannot be built (Unsupported model downsampling pattern"),
        ("fpn:tu-maxvit_tiny_tf_224", 1, "cannot be built (height (16) must be divisible by window (7)"),
        ("dpt:tu-nothing_patch16", 1, "cannot be built (Unknown model (nothing_patch16)"),
    ],
)
def test_wrong_names_are_refused_in_one_line(name, channels, message):
    with pytest.raises(OrbitileError) as error:
        build_network(name, channels, 1)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
