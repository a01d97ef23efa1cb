"""Numbers of channels that weights state, read without torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from orbitile.base.errors import OrbitileError
from orbitile.inference.models.network_channels import (
    accepted_channels,
    check_bands,
    network_channels,
    stated_channels,
)
from orbitile.settings import ModelSettings

GREY_DETECTOR = dict(network=dict(head=[], backbone=[]), names={0: "crater"})


@pytest.fixture
def model(tmp_path):
    """Settings of weights in .safetensors with a description, or of a .pt for None."""

    def write(description=None, **settings):
        path = tmp_path / ("w.pt" if description is None else "w.safetensors")
        path.write_bytes(b"")
        if description is not None:
            metadata = {name: json.dumps(value) for name, value in description.items()}
            save_file(dict(a=torch.zeros(3)), path, metadata)
        return ModelSettings(weights=path, sha256="0" * 64, **settings)

    return write


@pytest.mark.parametrize(
    ("description", "stated"),
    [
        (GREY_DETECTOR, None),
        (GREY_DETECTOR | dict(channels=1), 1),
        (GREY_DETECTOR | dict(channels=3), 3),
        (dict(network=dict(channels=3), names={}), None),
        (dict(network=dict(channels=4), names={}), 4),
        (dict(network=dict(channels=3), names={}, channels=1), 1),
        (dict(network="unet:resnet18", mean=[0.1, 0.2]), 2),
        (dict(network="unet:resnet18", mean=[0.1, 0.2], channels=2), 2),
        (dict(network="deeplabv3_resnet50", mean=[0.1, 0.2, 0.3]), None),
        (dict(network="deeplabv3_resnet50", mean=[0.1, 0.2, 0.3], channels=1), 1),
        (dict(network="unet:resnet18", mean=0.1), None),
        (dict(channels="three"), None),
    ],
)
def test_channels_that_weights_state(model, description, stated):
    weights = model(description)
    assert stated_channels(weights) == stated
    assert network_channels(weights) == (stated or 1)


@pytest.mark.parametrize(
    ("settings", "stated"),
    [
        (dict(family="segmentation", network="unet:resnet18", mean=(0.1, 0.2), std=(1, 1)), 2),
        (dict(family="segmentation", network="deeplabv3_resnet50", mean=(0.1, 0.2, 0.3)), None),
        (dict(family="yolo"), None),
    ],
)
def test_channels_of_other_files_are_those_of_the_settings(model, settings, stated):
    assert stated_channels(model(None, **settings)) == stated


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\x04" + b"\0" * 7 + b"[12]", b"\x02" + b"\0" * 7 + b"{}"])
def test_damaged_weights_state_nothing(tmp_path, content):
    """What is wrong with them is told when they are loaded."""
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    assert network_channels(ModelSettings(weights=path, sha256="0" * 64)) == 1


@pytest.mark.parametrize(
    ("stated", "first_layer", "expected"),
    [
        (None, 3, (1, 3)),
        (1, 3, (1,)),
        (3, 3, (3,)),
        (None, 2, (2,)),
        (2, 2, (2,)),
        (1, 1, (1,)),
        (2, 3, ()),
        (1, 4, ()),
    ],
)  # fmt: skip
def test_accepted_channels(stated, first_layer, expected):
    assert accepted_channels(stated, first_layer) == expected


@pytest.mark.parametrize(
    ("bands", "accepted", "expected"),
    [
        (
            3, (1,),
            "w.pt: the network takes images of 1 channel, but those of this run have 3 bands; name 1 band in the "
            "setting bands or in the scene table's column bands, or use other weights",
        ),
        (
            1, (2,),
            "w.pt: the network takes images of 2 channels, but those of this run have 1 band; name 2 bands in the "
            "setting bands or in the scene table's column bands, or use other weights",
        ),
        (
            2, (1, 3),
            "w.pt: the network takes images of 1 or 3 channels, but those of this run have 2 bands; name 1 or 3 bands "
            "in the setting bands or in the scene table's column bands, or use other weights",
        ),
    ],
)  # fmt: skip
def test_images_of_other_numbers_of_bands_are_refused(bands, accepted, expected):
    with pytest.raises(OrbitileError) as error:
        check_bands(Path("w.pt"), bands, accepted)
    assert str(error.value) == expected


@pytest.mark.parametrize(("bands", "accepted"), [(1, (1,)), (3, (1, 3)), (2, (2,))])
def test_images_of_the_right_number_of_bands_pass(bands, accepted):
    check_bands(Path("w.pt"), bands, accepted)


def test_settings_and_channels_are_read_without_torch():
    code = "import sys, orbitile.settings, orbitile.inference.models.network_channels; sys.exit('torch' in sys.modules)"
    environment = dict(PYTHONPATH=str(Path(__file__).parents[4] / "workflow" / "lib"))
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
