"""Weights are data: no code in them is run, and what they ask for has bounds."""

import json
import pickle
import random
import struct
import warnings
import zipfile

import pytest
import torch
from hostile import weights_files
from hostile.many_inputs import endings_of
from hostile.weights_files import DETECTOR, SEGMENTER, Program, detector, segmenter
from model_choices import on_the_cpu

from orbitile.base.errors import OrbitileError
from orbitile.inference.mask_threshold import mask_threshold
from orbitile.inference.models import load
from orbitile.inference.models.load import load_network
from orbitile.inference.models.weights import load_tensors, save_tensors


@pytest.mark.filterwarnings("ignore")
def test_odd_weights_are_refused_in_a_line_or_look_at_tiles(tmp_path):
    endings = endings_of(weights_files.check, tmp_path, "weights ", 60)
    assert endings.count("accepted") > 10 and endings.count("refused") > 20


def refusal(path, family="yolo", **settings):
    """Why weights are refused."""
    choice = on_the_cpu(path, family=family, score_threshold=0.05, **settings)
    with pytest.raises(OrbitileError) as error, warnings.catch_warnings(action="ignore"):
        load_network(choice)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value) and len(str(error.value)) < 1000
    return str(error.value)


def described(path, network=(), **description):
    """A detector's weights whose description is changed."""
    changed = dict(names={0: "crater"}, network=json.loads(json.dumps(DETECTOR | dict(network)))) | description
    save_tensors(path, dict(detector().state_dict()), changed)
    return path


UPSAMPLING = [[-1, 1, "nn.Upsample", ["None", 10**4, "nearest"]], *DETECTOR["head"]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(nc=10**9), "nc is 1000000000; allowed are 1 to 10000"),
        (dict(nc=True), "nc is True"),
        (dict(channels=10**6), "channels is 1000000; allowed are 1 to 1000"),
        (dict(depth_multiple=1e300), "depth_multiple is 1e+300"),
        (dict(scales={"n": [1e9, 1, 64]}), "depth of scale n is 1000000000.0; allowed are 0 to 4"),
        (dict(scales={"n": [1, 1e9, 64]}), "width of scale n is 1000000000.0; allowed are 0 to 8"),
        (dict(scales={"n": 3}), "scales is {'n': 3}"),
        (dict(backbone=[[-1, 10**9, "Conv", [16, 3, 2]]]), "repeats of layer 0 is 1000000000; allowed are 1 to 100"),
        (dict(backbone=[[-1, 1, "Conv", [2**40]]]), "an argument of layer 0 is 1099511627776"),
        (dict(backbone=[[-1, 1, "Conv", ["1000000"]]]), "an argument of layer 0 is 1000000"),
        (dict(backbone=[[-1, 1, "Conv", [16]]] * 1000), "the description has 1001 layers"),
        (dict(backbone=[[-1, 1, "TorchVision", [512, "resnet18", "DEFAULT"]]]), "TorchVision', which is not built"),
        (dict(backbone=[[-1, 1, "os.system", []]]), "KeyError"),
        (dict(head=UPSAMPLING), "an argument of layer 3 is 10000; allowed are -65536 to 16"),
        (dict(scales=None, backbone=[[-1, 1, "Conv", [4000, 9]]] * 3), "numbers, but the file holds"),
    ],
)
def test_a_detector_may_not_ask_for_more_than_detectors_need(tmp_path, change, words):
    assert words in refusal(described(tmp_path / "w.safetensors", change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(threshold=7), "its threshold is 7; allowed are probabilities above 0 up to 1"),
        (dict(threshold=0), "its threshold is 0"),
        (dict(threshold="0.5"), "its threshold is '0.5'"),
        (dict(threshold=float("nan")), "its threshold is nan"),
        (dict(channels=10**9), "channels is 1000000000; allowed are 1 to 1000"),
        (dict(names={str(n): str(n) for n in range(20_000)}), "it has 20000 classes; allowed are at most 10000"),
        (dict(names={"0": "x" * 1000}), "a class is called xxx"),
        (dict(mean=["0.5"]), "allowed is a list of numbers"),
        (dict(std=[-1]), "those of std above 0"),
        (dict(network="unet:tu-hf-hub:someone/network"), "names no encoder"),
        (dict(network="x" * 1000), "a class is called xxx"),
    ],
)
def test_a_segmenter_may_not_either(tmp_path, change, words):
    path = tmp_path / "w.safetensors"
    save_tensors(path, dict(segmenter().state_dict()), SEGMENTER.metadata | change)
    assert words in refusal(path, "segmentation")


@pytest.mark.parametrize("threshold", [7, 0, -1, "0.5", True, float("inf")])
def test_a_threshold_is_a_probability_for_outlines_too(tmp_path, threshold):
    save_tensors(tmp_path / "w.safetensors", {}, dict(threshold=threshold))
    with pytest.raises(OrbitileError, match=r"w\.safetensors: its threshold is .*; allowed are probabilities"):
        mask_threshold(None, dict(weights=tmp_path / "w.safetensors"))


@pytest.mark.parametrize("wrap", [lambda c: c, lambda c: {"model": c}, lambda c: {"state_dict": {"x": c}}])
@pytest.mark.parametrize("family", ["yolo", "segmentation"])
def test_no_code_is_run(tmp_path, wrap, family):
    torch.save(wrap(Program(tmp_path / "CANARY")), tmp_path / "w.pt")
    described = dict(network=SEGMENTER.network, classes=("a",), mean=(0.5,), std=(0.2,))
    assert refusal(tmp_path / "w.pt", family, **described)
    assert not (tmp_path / "CANARY").exists()


def test_a_checkpoint_that_holds_itself_ends(tmp_path):
    content: dict = {}
    content["state_dict"] = content
    torch.save(content, tmp_path / "w.pt")
    described = dict(network=SEGMENTER.network, classes=("a",), mean=(0.5,), std=(0.2,))
    assert "the file holds no tensors" in refusal(tmp_path / "w.pt", "segmentation", **described)


@pytest.mark.parametrize("family", ["yolo", "segmentation"])
def test_archives_are_not_unpacked(tmp_path, family):
    path = tmp_path / "w.pt"
    torch.save(dict(segmenter().state_dict()), path)
    weights_files.compress(random.Random(0), path)
    assert path.stat().st_size < 50 << 20 < sum(entry.file_size for entry in zipfile.ZipFile(path).infolist())
    described = dict(network=SEGMENTER.network, classes=("a",), mean=(0.5,), std=(0.2,))
    assert "a compressed archive, which could unpack to any size" in refusal(path, family, **described)


def test_a_tensor_may_not_claim_more_than_the_file_holds(tmp_path):
    model = weights_files.with_attributes(random.Random(1))
    model.model[0].conv.weight = torch.nn.Parameter(torch.zeros(1).expand(10**5, 10**6, 1, 1))
    torch.save(dict(model=model), tmp_path / "w.pt")
    assert "its tensors claim " in refusal(tmp_path / "w.pt")


@pytest.mark.parametrize("field", ["stride", "cv2", "dfl", "reg_max", "nc", "f"])
@pytest.mark.parametrize("value", [None, "x", -1, []])
def test_a_pickled_head_with_an_odd_field_is_refused(tmp_path, field, value):
    model = pickle.loads(pickle.dumps(detector()))
    vars(model.model[-1])[field] = value
    torch.save(dict(model=model), tmp_path / "w.pt")
    assert refusal(tmp_path / "w.pt")


def test_long_headers_are_not_read(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", 2**40) + b"{}")
    assert "its header is said to have 1099511627776 bytes" in refusal(tmp_path / "w.safetensors")


def test_complex_numbers_are_refused_and_non_finite_ones_told(tmp_path, caplog):
    state = dict(detector().state_dict())
    name = next(iter(state))
    save_tensors(tmp_path / "w.safetensors", state | {name: state[name].to(torch.complex64)}, {})
    with pytest.raises(OrbitileError, match=f"the tensor {name} holds complex numbers"):
        load_tensors(tmp_path / "w.safetensors")
    diverged = state | {name: state[name] * float("nan")}
    save_tensors(tmp_path / "w.safetensors", diverged, dict(network=DETECTOR, names={0: "crater"}))
    load_network(on_the_cpu(tmp_path / "w.safetensors", family="yolo", score_threshold=0.05))
    assert f"the tensor {name} holds numbers that are not finite" in caplog.text


def test_weights_that_change_while_they_are_loaded_are_refused(tmp_path, monkeypatch):
    path = described(tmp_path / "w.safetensors")
    choice = on_the_cpu(path, family="yolo", score_threshold=0.05)
    assert load_network(choice).names == ("crater",)

    def exchange(*_):
        described(path, names={0: "pit"})

    monkeypatch.setattr(load, "check_hash", exchange)
    with pytest.raises(OrbitileError, match=r"w\.safetensors: changed while it was loaded"):
        load_network(choice)
