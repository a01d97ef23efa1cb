"""U-Nets by depth and width: their sizes, shapes, gradients and names."""

import pytest
import torch
from torch.nn.functional import interpolate

from orbitile.base.errors import OrbitileError
from orbitile.inference.models.architectures import build_network, encoder_of, input_stride
from orbitile.inference.models.unets import PlainUNet, UNetSize


def parameters(network: torch.nn.Module) -> int:
    return sum(tensor.numel() for tensor in network.parameters())


@pytest.mark.parametrize(
    ("name", "channels", "classes", "millions"),
    [
        ("unet3plus:5x64", 3, 1, 26.97),  # Huang et al. (2020), table 1, without deep supervision
        ("unet3plus:5x64:residual", 3, 1, 27.66),  # convolutions of 1 x 1 px as shortcuts have 0.70
        ("unet3plus:5x64:residual:transposed", 3, 1, 29.50),  # 64 x 64 kernels of 448 px in all: 1.84
        ("unet3plus:4x16", 1, 1, 0.51),
        ("plain_unet:4x64", 1, 2, 31.04),  # Ronneberger et al. (2015): 31.03 with biases, without normalisations
        ("plain_unet:3x16", 1, 1, 0.48),
    ],
)
def test_millions_of_parameters(name, channels, classes, millions):
    assert round(parameters(build_network(name, channels, classes)) / 1e6, 2) == millions


def test_parameters_of_the_smallest_unet_counted_by_hand():
    """Of 1 pooling and 2 filters."""
    encoder = 9 * (1 * 2 + 2 * 2) + 2 * 2 * 2 + 9 * (2 * 4 + 4 * 4) + 2 * 2 * 4  # kernels, scales and shifts
    decoder = (4 * 4 * 2 + 2) + 9 * (4 * 2 + 2 * 2) + 2 * 2 * 2
    assert parameters(build_network("plain_unet:1x2", 1, 3)) == encoder + decoder + (2 * 3 + 3)


def test_filters_are_those_of_the_papers():
    assert UNetSize.parse("plain_unet:3x16").filters == (16, 32, 64, 128)  # 128 at the bottom, below three poolings
    assert UNetSize.parse("unet3plus:5x64").filters == (64, 128, 256, 512, 1024)
    assert UNetSize.parse("unet3plus:5x64:transposed:residual").options == ("residual", "transposed")


@pytest.mark.parametrize(
    ("name", "stride"),
    [("plain_unet:1x4", 2), ("plain_unet:3x4", 8), ("unet3plus:2x4", 2), ("unet3plus:5x2", 16),
     ("unet3plus:3x4:residual", 4), ("unet3plus:3x4:transposed", 4), ("unet3plus:3x4:residual:transposed", 4)],
)  # fmt: skip
@pytest.mark.parametrize("channels", [1, 3])
def test_any_sides_that_are_multiples_of_the_stride(name, stride, channels):
    assert (input_stride(name), encoder_of(name)) == (stride, None)
    network = build_network(name, channels, 2)
    logits = network(torch.rand(2, channels, stride, 3 * stride))
    assert logits.shape == (2, 2, stride, 3 * stride)
    logits.square().mean().backward()
    assert all(tensor.grad is not None and tensor.grad.isfinite().all() for tensor in network.parameters())
    assert any(tensor.grad.any() for tensor in network.encoder[0].parameters())


def test_the_same_seed_gives_the_same_weights():
    networks = []
    for _ in range(2):
        torch.manual_seed(3)
        networks.append(build_network("unet3plus:3x4:residual", 1, 1))
    states = [network.state_dict() for network in networks]
    assert all(torch.equal(*pair) for pair in zip(*(state.values() for state in states), strict=True))


@torch.inference_mode()
def test_plain_unet_is_what_its_docstring_says():
    """Of two scales, written out."""
    torch.manual_seed(0)
    network = PlainUNet(1, 2, (4, 8)).double().eval()
    images = torch.rand(1, 1, 6, 10, dtype=torch.float64)
    fine = network.encoder[0](images)
    coarse = network.encoder[1](fine.unflatten(2, (3, 2)).unflatten(4, (5, 2)).amax(dim=(3, 5)))
    up = torch.einsum("nirc,ioab->norcab", coarse, network.upsampling[0].weight).permute(0, 1, 2, 4, 3, 5)
    up = up.reshape(1, 4, 6, 10) + network.upsampling[0].bias.view(4, 1, 1)
    expected = network.head(network.decoder[0](torch.cat([fine, up], dim=1)))
    assert torch.allclose(network(images), expected, atol=1e-12)


@torch.inference_mode()
def test_unet_3_plus_is_what_its_paper_says():
    """Of three scales: each node takes in the finer features of the encoder and the coarser ones of the decoder."""
    torch.manual_seed(0)
    network = build_network("unet3plus:3x4", 1, 1).double().eval()
    images = torch.rand(1, 1, 8, 12, dtype=torch.float64)
    pool = torch.nn.functional.max_pool2d
    first = network.encoder[0](images)
    second = network.encoder[1](pool(first, 2))
    third = network.encoder[2](pool(second, 2))
    middle, finest = network.decoder

    def up(features, factor):
        return interpolate(features, scale_factor=factor, mode="bilinear")

    def fused(node, *sources):
        convolved = [path[-3:](source) for path, source in zip(node.paths, sources, strict=True)]
        return torch.relu(node.fusion(torch.cat(convolved, dim=1)))

    second = fused(middle, pool(first, 2), second, up(third, 2))
    expected = network.head(fused(finest, first, up(second, 2), up(third, 4)))
    assert torch.allclose(network(images), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("plain_unet:3", "plain_unet:3 is no size of plain_unet; write levels x filters of the first level, as plain"),
        ("plain_unet:3x16:residual", "is no size of plain_unet"),
        ("plain_unet:0x16", "is no size"),
        ("plain_unet:resnet18", "is no size"),
        ("plain_unet:", "is no size"),
        ("unet3plus:5x64:residual:residual", "as unet3plus:5x64 or unet3plus:5x64:residual:transposed"),
        ("unet3plus:5x64:", "is no size"),
        ("unet3plus:5x-64", "is no size"),
        ("unet3plus:1x64", "1 levels and 64 filters in the last; allowed are 2 to 8 levels and 2048 filters"),
        ("plain_unet:9x1", "9 levels and 512 filters in the last; allowed are 1 to 8 levels"),
        ("plain_unet:8x9999", "filters in the last"),
        ("unet3plus:99x9999", "filters in the last"),
    ],
)
def test_wrong_sizes_are_refused_in_one_line(name, message):
    for refuse in (lambda: build_network(name, 1, 1), lambda: input_stride(name)):
        with pytest.raises(OrbitileError) as error:
            refuse()
        assert message in str(error.value)
        assert "\n" not in str(error.value)
