"""Weights as a stranger or a broken disk may make them: a kind of input of the campaign."""

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

os.environ.setdefault("LOGNAME", "nobody")  # torch asks for the user's name, without this in /etc/passwd

import segmentation_models_pytorch  # noqa: F401 (takes seconds, which no input is to blame for)
import torch
import torch._dynamo
from model_choices import on_the_cpu

from orbitile.base.errors import OrbitileError
from orbitile.inference.mask_threshold import mask_threshold
from orbitile.inference.models.load import load_network
from orbitile.inference.models.network import ModelChoice
from orbitile.inference.models.network_channels import network_channels
from orbitile.inference.models.segmentation import NetworkDescription
from orbitile.inference.models.ultralytics_offline import DetectionModel
from orbitile.inference.models.weights import save_tensors

SIDE = 64
"""Pixels along a tile that accepted networks look at."""
LAYERS = [
    [-1, 1, "Conv", [16, 3, 2]], [-1, 1, "Conv", [16, 3, 2]], [-1, 1, "C2f", [16]], [[0, 1, 2], 1, "Detect", ["nc"]],
]  # fmt: skip
DETECTOR = dict(nc=1, scales={"n": [1.0, 1.0, 64]}, scale="n", backbone=LAYERS[:3], head=LAYERS[3:])
"""A detector of 30,000 numbers."""
SEGMENTER = NetworkDescription("linknet:mobilenet_v2", ("fracture",), 1, (0.5,), (0.2,), 0.4)
NUMBERS = (
    0, -1, 1, 3, 10**6, 10**9, 10**30, 1e300, -0.5, 0.5, True, None, "7", "x", [], {}, [10**9], float("nan"),
    float("inf"),
)  # fmt: skip
TEXTS = (
    "", "x" * 100_000, "a\nb", "\x00", "../../etc/passwd", "unet:tu-hf-hub:someone/network", "unet:resnet18",
    "TorchVision", "nn.Upsample", "os.system", "__import__('os').system('touch CANARY')", "deeplabv3_resnet50",
    "fpn:tu-local-dir:/etc",
)  # fmt: skip
"""Values for anything in a description."""


class Program:
    """Makes a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[Callable, tuple]:
        return open, (str(self._canary), "w")


torch.set_num_threads(1)  # the campaign has several processes


@cache
def detector() -> DetectionModel:
    torch.manual_seed(0)
    return DetectionModel(json.loads(json.dumps(DETECTOR)), ch=1, verbose=False).eval()


@cache
def segmenter() -> torch.nn.Module:
    torch.manual_seed(0)
    return SEGMENTER.build().eval()


def description_of(family: str) -> dict[str, Any]:
    if family == "segmentation":
        return json.loads(json.dumps(SEGMENTER.metadata))
    return json.loads(json.dumps(dict(family="yolo", network=DETECTOR, names={0: "crater"})))


def changed_value(random: Random, value: Any) -> Any:
    """A description with one of its values, at any depth, replaced, taken out or doubled."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        key = random.choice(list(value))
        change = random.choice(["deeper"] * 6 + ["without", "renamed"])
        if change == "deeper":
            return value | {key: changed_value(random, value[key])}
        rest = {name: part for name, part in value.items() if name != key}
        return rest if change == "without" else rest | {random.choice(TEXTS): value[key]}
    if isinstance(value, list) and value and random.random() < 0.9:
        number = random.randrange(len(value))
        change = random.choice(["deeper"] * 6 + ["without", "doubled", "many"])
        if change == "deeper":
            return [*value[:number], changed_value(random, value[number]), *value[number + 1 :]]
        return value[:number] if change == "without" else value * (2 if change == "doubled" else 2000)
    return random.choice([*NUMBERS, *TEXTS])


def changed_tensors(random: Random, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors with one missing, added, of another shape or type, or not finite."""
    name = random.choice(list(tensors))
    tensor = tensors[name].clone()
    rest = {key: part for key, part in tensors.items() if key != name}
    changes = [
        lambda: rest, lambda: tensors | {"extra": torch.zeros(3)}, lambda: rest | {name: tensor.double()},
        lambda: rest | {name: torch.cat([tensor.flatten(), tensor.flatten()])}, lambda: rest | {name: tensor.half()},
        lambda: rest | {name: tensor.to(torch.complex64)}, lambda: rest | {name: torch.full_like(tensor, 30_000)},
        lambda: rest | {name: tensor * float("nan") if tensor.is_floating_point() else tensor}, lambda: {},
        lambda: rest | {name: tensor.to(torch.int8)}, lambda: rest | {name: tensor.new_zeros(0)},
    ]  # fmt: skip
    return random.choice(changes)()


def write_safetensors(random: Random, path: Path, family: str) -> None:
    tensors, description = dict(of(family).state_dict()), description_of(family)
    change = random.choice(["none", "description", "description", "description", "tensors"])
    if change == "description":
        description = changed_value(random, description)
    elif change == "tensors":
        tensors = changed_tensors(random, tensors)
    save_tensors(path, tensors, description if isinstance(description, dict) else {"odd": description})


def write_damaged(random: Random, path: Path, family: str) -> None:
    """Sound weights, of which bytes are changed, mostly in the header, or the end is missing."""
    save_tensors(path, dict(of(family).state_dict()), description_of(family))
    content = bytearray(path.read_bytes())
    header = int.from_bytes(content[:8], "little")
    change = random.choice(["bytes", "bytes", "length", "end", "nested", "numbers"])
    if change == "bytes":
        for _ in range(random.randint(1, 6)):
            content[random.randrange(8, 8 + header if random.random() < 0.8 else len(content))] = random.randrange(256)
    elif change == "length":
        content[:8] = struct.pack("<Q", random.choice([0, 1, header - 1, header + 1, 2**31, 2**40, 2**63, 2**64 - 1]))
    elif change == "end":
        del content[random.randrange(len(content)) :]
    else:
        odd = "[" * 50_000 if change == "nested" else "9" * 6000
        text = json.dumps({"__metadata__": {"threshold": odd, "network": odd, "names": odd}}).encode()
        content = struct.pack("<Q", len(text)) + text
    path.write_bytes(content)


def of(family: str) -> torch.nn.Module:
    return segmenter() if family == "segmentation" else detector()


def write_pickle(random: Random, path: Path, family: str) -> None:
    """A checkpoint that is sound, wants to run code, holds itself, claims memory, or is something else."""
    state = dict(of(family).state_dict())
    canary = Program(path.parent / "CANARY")
    holds_itself: dict = {}
    holds_itself |= {"state_dict": holds_itself, "model": holds_itself}
    huge = torch.zeros(1).expand(10**6, 10**6)
    prefixed = {f"module.module.{name}": tensor for name, tensor in state.items()}
    odd = (
        state, {"state_dict": state}, {"state_dict": prefixed}, {"model": detector(), "ema": None}, {"model.": state},
        {"model": detector().half()}, {"model": with_attributes(random)}, canary, {"model": canary},
        state | {"x": canary}, holds_itself, {"model": state | {"x": huge}}, {"ema": huge}, [1, 2], None, "text", {},
    )  # fmt: skip
    content = random.choice(odd)
    if random.random() < 0.2:
        path.write_bytes(pickle.dumps(content if isinstance(content, Program) else [1, 2]))
    else:
        torch.save(content, path)
    if random.random() < 0.3:
        random.choice([compress, damage, shorten])(random, path)


def with_attributes(random: Random) -> DetectionModel:
    """A pickled detector whose fields are none that its class gives it."""
    model = pickle.loads(pickle.dumps(detector()))
    names = {0: random.choice(TEXTS)} if random.random() < 0.5 else random.choice(NUMBERS)
    first, last = vars(model.model[0]), vars(model.model[-1])
    changes: list[Callable[[], object]] = [
        lambda: vars(model).update(names=names), lambda: last.update(nc=random.choice(NUMBERS)),
        lambda: first.update(f=random.choice(NUMBERS)), lambda: last.update(stride=None),
        lambda: vars(model).update(save=random.choice(NUMBERS)), lambda: model.model.append(model.model[0]),
        lambda: last.update(reg_max=random.choice(NUMBERS)),
    ]  # fmt: skip
    random.choice(changes)()
    return model


def compress(random: Random, path: Path) -> None:
    """An archive that unpacks to 200 MB."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as source:
        entries = {entry.filename: source.read(entry) for entry in source.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as sink:
        for name, content in entries.items():
            sink.writestr(name, content)
        sink.writestr("archive/data/bomb", bytes(200 << 20))


def damage(random: Random, path: Path) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(random.randint(1, 10)):
        content[random.randrange(len(content))] = random.randrange(256)
    path.write_bytes(content)


def shorten(random: Random, path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: random.randrange(len(content))])


def write_weights(random: Random, folder: Path) -> ModelChoice:
    """Write weights into a folder, sound or with a fault, and choose them; CANARY is a file that code would make."""
    family = random.choice(["yolo", "segmentation"])
    write = random.choice([write_safetensors, write_safetensors, write_damaged, write_pickle])
    suffixes = [".safetensors"] * 8 + [".pt"] if write is not write_pickle else [".pt"] * 8 + [".pth", ".safetensors"]
    path = folder / f"weights{random.choice(suffixes)}"
    write(random, path, family)
    choice = replace(on_the_cpu(path, score_threshold=0.05, family="yolo"), family=family)
    if family == "segmentation" and path.suffix != ".safetensors":
        described = dict(network=SEGMENTER.network, classes=("fracture",), mean=(0.5,), std=(0.2,))
        choice = replace(choice, **described)
    return choice


def check(random: Random, folder: Path) -> str:
    """Weights are refused in one line that names them, or look at tiles; no code is run."""
    choice = write_weights(random, folder)
    network = loaded(choice)
    assert not (folder / "CANARY").exists(), "code was run"
    if network is None:
        return "refused"
    assert 1 <= len(network.names) <= 10_000 and all(len(name) <= 200 for name in network.names)
    output = network.predict_batch(torch.zeros(2, choice.bands, SIDE, SIDE, dtype=torch.uint8))
    assert len(output.non_finite) == 2
    return "accepted"


def loaded(choice: ModelChoice) -> Any:
    """The network; None where its weights are refused. What the planner and the outlines read of it, they can read."""
    path = Path(choice.weights)
    try:
        assert 0 < mask_threshold(None, dict(weights=path)) <= 1
        assert network_channels(choice) is not None
        return load_network(choice)
    except OrbitileError as error:
        text = str(error)
        assert text.startswith(str(path)) and text.isprintable() and len(text) < 1500, text
        return None
