"""The network that training starts from."""

import copy
import logging
from collections.abc import Callable
from pathlib import Path

import torch

from orbitile.base.errors import OrbitileError, reason_of
from orbitile.inference.models.detector_description import check_description
from orbitile.inference.models.network_channels import COLOURS
from orbitile.inference.models.ultralytics_offline import (
    OBB,
    Detect,
    DetectionModel,
    Pose,
    Segment,
    WorldDetect,
    YOLOEDetect,
    get_cfg,
    torch_safe_load,
    yaml_model_load,
)
from orbitile.inference.models.weights import Tensors, check_archive, load_tensors
from orbitile.inference.models.yolo import head_of
from orbitile.training.start_weights import fitting_tensors

log = logging.getLogger(__name__)

NAMES = {0: "crater"}
OTHER_HEADS = (Segment, Pose, OBB, WorldDetect, YOLOEDetect)
"""Kinds of Detect that learn from other labels, too."""
WAY_OUT = "name one of ultralytics, as yolo11n.yaml, or weights (.safetensors, .pt)"


def build_detector(start_from: str, bands: int, epochs: int) -> DetectionModel:
    """A network with all tensors of `start_from` that fit; its first layer takes grey as three equal colours.

    Kernels of the first layer for another number of bands are averaged over them.
    `start_from` is an ultralytics network (yolo11n.yaml), or weights (.pt, .safetensors). OrbitileError where it is
    neither, or none of its tensors fits.
    """
    description, tensors = _read(start_from)
    try:
        model = DetectionModel(copy.deepcopy(description), COLOURS if bands == 1 else bands, nc=len(NAMES),
                               verbose=False)  # fmt: skip
        head = head_of(model)
        if not isinstance(head, Detect) or isinstance(head, OTHER_HEADS):
            raise OrbitileError(f"its head is a {type(head).__name__}")
    except Exception as error:
        raise OrbitileError(f"training.start_from: {start_from} is no network that finds boxes ({reason_of(error)}); "
                            f"{WAY_OUT}") from error  # fmt: skip
    vars(model).update(args=get_cfg(overrides=dict(epochs=epochs)), names=dict(NAMES))
    if tensors is not None:
        _load_fitting(model, tensors, start_from)
    return model


def _read(start_from: str) -> tuple[dict, Tensors | None]:
    """The description of a network, and its tensors where it has any."""
    try:
        return _READERS.get(Path(start_from).suffix, _read_description)(start_from)
    except Exception as error:
        raise OrbitileError(f"training.start_from: no network can be read from {start_from} ({reason_of(error)}); "
                            f"{WAY_OUT}") from error  # fmt: skip


def _read_weights(path: str) -> tuple[dict, Tensors]:
    tensors, described = load_tensors(Path(path))
    check_description(described["network"])
    return described["network"], tensors


def _read_checkpoint(path: str) -> tuple[dict, Tensors]:
    if not Path(path).is_file():
        raise OrbitileError("there is no such file")
    check_archive(Path(path))
    checkpoint, _ = torch_safe_load(path, safe_only=True)
    model = checkpoint.get("ema") or checkpoint["model"]
    return model.yaml, model.float().state_dict()


def _read_description(path: str) -> tuple[dict, None]:
    """Without the path of the file, which would stand in the weights."""
    description = yaml_model_load(path)
    check_description(description)
    return {name: value for name, value in description.items() if name != "yaml_file"}, None


_READERS: dict[str, Callable[[str], tuple[dict, Tensors | None]]] = {
    ".safetensors": _read_weights, ".pt": _read_checkpoint,
}  # fmt: skip


def _load_fitting(model: DetectionModel, tensors: Tensors, start_from: str) -> None:
    state = model.state_dict()
    fitting = fitting_tensors(state, tensors, next(iter(state)))
    if not fitting:
        raise OrbitileError(f"training.start_from: none of the tensors of {start_from} fits into its network")
    log.info("%d of %d tensors loaded from %s", len(fitting), len(state), start_from)
    model.load_state_dict(fitting, strict=False)


def describe_detector(model: DetectionModel, bands: int, figures: dict) -> dict[str, object]:
    """What stands in the weights beside the tensors (see orbitile.inference.models.yolo.Yolo.load)."""
    layout: dict = vars(model)["yaml"]
    network = {name: value for name, value in layout.items() if (name, value) != ("channels", COLOURS)}
    return dict(family="yolo", network=network, names=NAMES, channels=bands) | figures


def as_colours(images: torch.Tensor) -> torch.Tensor:
    """Images (n, bands, rows, columns; uint8) as 0..1; of one band, three times the same."""
    scaled = images.to(torch.float32).div_(255)
    scaled = scaled.expand(-1, COLOURS, -1, -1) if images.shape[1] == 1 else scaled
    return scaled.contiguous(memory_format=torch.channels_last)
