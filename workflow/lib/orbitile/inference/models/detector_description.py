"""What the description of a detector in its weights may ask for: checked before anything is built of it."""

import ast
import contextlib
import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.inference.models.ultralytics_offline import parse_model
from orbitile.inference.models.weights_header import MOST_CHANNELS, MOST_CLASSES

LIMITS = {
    "nc": (1, MOST_CLASSES),
    "channels": (1, MOST_CHANNELS),
    "reg_max": (1, 64),
    "depth_multiple": (0, 4),
    "width_multiple": (0, 8),
}
"""The least and the largest number that may stand under a key; ultralytics' networks stay far below."""
MOST_LAYERS, MOST_REPEATS, LARGEST_ARGUMENT = 300, 100, 65_536
LARGEST_UPSAMPLING = 16
REFUSED_LAYERS = ("TorchVision",)
"""Layers that download weights, or read files."""


def check_description(network: object) -> None:
    """OrbitileError where a description, as it stands in .safetensors, asks for what no detector needs.

    KeyError or TypeError where it is no description at all.
    """
    if not isinstance(network, Mapping):
        raise TypeError(f"the description of the network is {shortened(repr(network))}, not its layers")
    for key, (least, largest) in LIMITS.items():
        if network.get(key) is not None:
            check_number(key, network[key], least, largest)
    for name, (depth, width, channels) in _scales(network):
        check_number(f"depth of scale {name}", depth, 0, LIMITS["depth_multiple"][1])
        check_number(f"width of scale {name}", width, 0, LIMITS["width_multiple"][1])
        check_number(f"channels of scale {name}", channels, 1, LARGEST_ARGUMENT)
    layers = _layers(network)
    if not 1 <= len(layers) <= MOST_LAYERS:
        raise OrbitileError(f"the description has {len(layers)} layers; allowed are 1 to {MOST_LAYERS}")
    for number, layer in enumerate(layers):
        _check_layer(number, layer)


def check_size(network: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """OrbitileError where a described network has far more numbers than its file: it is laid out without memory."""
    with torch.device("meta"):
        layout, _ = parse_model(copy.deepcopy(dict(network)), network.get("channels", 3), verbose=False)
    described, stored = (sum(t.numel() for t in part.values()) for part in (layout.state_dict(), tensors))
    if described > 1.5 * stored + 100_000:
        raise OrbitileError(f"the network described has {described} numbers, but the file holds {stored}")


def check_number(name: str, value: object, least: float, largest: float) -> None:
    """OrbitileError where a value is no finite number from `least` to `largest`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= largest:
        raise OrbitileError(f"{name} is {shortened(repr(value))}; allowed are {least} to {largest}")


def _scales(network: Mapping[str, Any]) -> Iterator[tuple[str, tuple[object, object, object]]]:
    scales = network.get("scales") or {}
    if not isinstance(scales, Mapping) or not all(isinstance(s, list) and len(s) == 3 for s in scales.values()):
        raise OrbitileError(f"scales is {shortened(repr(scales))}; allowed are depth, width and channels of each")
    for name, scale in scales.items():
        yield shortened(str(name)), tuple(scale)


def _layers(network: Mapping[str, Any]) -> list[object]:
    """The layers of backbone and head; KeyError where one is missing."""
    parts = [network[name] for name in ("backbone", "head")]
    if not all(isinstance(part, list) for part in parts):
        raise TypeError("backbone and head are no lists of layers")
    return [layer for part in parts for layer in part]


def _check_layer(number: int, layer: object) -> None:
    if not isinstance(layer, list) or len(layer) != 4 or not isinstance(layer[3], list):
        raise OrbitileError(f"layer {number} is {shortened(repr(layer))}; allowed are source, repeats, kind, arguments")
    _, repeats, kind, arguments = layer
    check_number(f"repeats of layer {number}", repeats, 1, MOST_REPEATS)
    if not isinstance(kind, str) or kind in REFUSED_LAYERS:
        raise OrbitileError(f"layer {number} is of the kind {shortened(repr(kind))}, which is not built here")
    largest = LARGEST_UPSAMPLING if "Upsample" in kind else LARGEST_ARGUMENT
    for argument in _numbers_in(arguments):
        check_number(f"an argument of layer {number}", argument, -LARGEST_ARGUMENT, largest)


def _numbers_in(value: object) -> Iterator[object]:
    """The numbers in nested lists, also in texts, which ultralytics reads as Python's literals."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError, SyntaxError):
            value = ast.literal_eval(value)
    if isinstance(value, list | tuple):
        for item in value:
            yield from _numbers_in(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value
