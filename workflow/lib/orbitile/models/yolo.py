"""YOLO networks of the ultralytics family, and RT-DETR, which comes with it."""

import copy
import logging
import threading
from functools import partial
from pathlib import Path
from typing import Self

import torch

from orbitile.errors import OrbitileError, reason_of
from orbitile.models.adapter import Boxes, ModelChoice
from orbitile.models.devices import device_of, dtype_of
from orbitile.models.ultralytics_offline import (
    OBB,
    Detect,
    DetectionModel,
    Pose,
    RTDETRDecoder,
    RTDETRDetectionModel,
    Segment,
    WorldDetect,
    YOLOEDetect,
    make_anchors,
    torch_safe_load,
)
from orbitile.models.weights import load_tensors

log = logging.getLogger(__name__)

COLOURS = 3
HEADS = (Detect, RTDETRDecoder)
OTHER_HEADS = (OBB, WorldDetect, YOLOEDetect)
"""Kinds of Detect that want texts or find turned boxes."""


class Yolo:
    """A detection network on a device (see orbitile.models.adapter.Network).

    Grey images go into networks for colour images as they are: their first layer is summed over the three channels.
    """

    reflects = False

    def __init__(self, model: torch.nn.Module, names: tuple[str, ...], choice: ModelChoice) -> None:
        self.device = device_of(choice.device)
        self.names = names
        self.channels = _for_grey_images(model)
        self._dtype = dtype_of(choice.precision, self.device, torch.float16)
        self._model = model.eval().to(self._dtype).to(self.device, memory_format=torch.channels_last)
        head = model.model[-1]
        self._is_query_based = isinstance(head, RTDETRDecoder)
        self.most = head.num_queries if self._is_query_based else None
        self._has_corners = not self._is_query_based and head.end2end
        (_change_decoder if self._is_query_based else _change_head)(head)
        if self.most:
            log.warning("%s: its head finds at most %d objects in a tile", choice.weights, self.most)
        if choice.compile:
            self._model = torch.compile(self._model, dynamic=False)
        self._least_score = choice.score_threshold
        self._own = threading.local()

    @classmethod
    def load(cls, choice: ModelChoice) -> Self:
        """Load .safetensors as `train` writes them, or an ultralytics .pt, without running code in it."""
        path = Path(choice.weights)
        model, names = (_from_tensors if path.suffix == ".safetensors" else _from_checkpoint)(path)
        head = model.model[-1]
        if not isinstance(head, HEADS) or isinstance(head, OTHER_HEADS):
            raise OrbitileError(
                f"{path}: its head, {type(head).__name__}, does not find upright boxes of classes it has learnt; "
                "use weights of a detection or segmentation network"
            )
        return cls(model.float().fuse(verbose=False), _all_names(names, head.nc), choice)

    @torch.inference_mode()
    def predict_batch(self, images: torch.Tensor) -> Boxes:
        """Find boxes in 8-bit images (n, channels, side, side)."""
        output = self._model(self._scaled(images))
        answers = (output[0] if isinstance(output, (tuple, list)) else output).float()
        if self._is_query_based:
            return self._of_queries(answers, images.shape[-1])
        return self._of_anchors(answers.transpose(1, 2) if self._has_corners else answers)

    def _scaled(self, images: torch.Tensor) -> torch.Tensor:
        """Images as 0..1; on the CPU in memory of each thread's own, which is used again."""
        if self.device.type != "cpu":
            return images.to(self._dtype, memory_format=torch.channels_last).div_(255)
        scaled = getattr(self._own, "scaled", None)
        if scaled is None or scaled.shape != images.shape:
            scaled = torch.empty(images.shape, dtype=self._dtype, memory_format=torch.channels_last)
            self._own.scaled = scaled
        return torch.div(images, 255, out=scaled)

    def _of_anchors(self, answers: torch.Tensor) -> Boxes:
        """Boxes from answers (n, 4 + classes, anchors)."""
        score, label = answers[:, 4 : 4 + len(self.names)].max(dim=1)
        broken = ~torch.isfinite(answers.sum(dim=(1, 2)))
        tile, anchor = torch.nonzero(score >= self._least_score, as_tuple=True)
        corners = answers.transpose(1, 2)[tile, anchor, :4]
        if not self._has_corners:
            centre, size = corners.split(2, dim=1)
            corners = torch.cat([centre - size / 2, centre + size / 2], dim=1)
        return Boxes(tile, corners, score[tile, anchor], label[tile, anchor], broken)

    def _of_queries(self, answers: torch.Tensor, side: int) -> Boxes:
        """Boxes from answers (n, queries, 6): centre and size as shares of the tile, score, class."""
        broken = ~torch.isfinite(answers.sum(dim=(1, 2)))
        tile, query = torch.nonzero(answers[..., 4] >= self._least_score, as_tuple=True)
        centre, size, score, label = answers[tile, query].split((2, 2, 1, 1), dim=1)
        corners = torch.cat([centre - size / 2, centre + size / 2], dim=1) * side
        return Boxes(tile, corners, score[:, 0], label[:, 0].long(), broken)


def _change_head(head: Detect) -> None:
    """Make a head answer with all its boxes and boxes alone, decoded in float32, to several threads at once."""
    if isinstance(head, (Segment, Pose)):
        head.__class__ = Detect  # leaves out masks and key points
    head.postprocess = _as_it_is  # else an end-to-end head would keep 300 objects of a tile
    head.dfl.float()
    head._get_decode_boxes = partial(_decoded, head)


def _as_it_is(answers: torch.Tensor) -> torch.Tensor:
    return answers


def _decoded(head: Detect, answers: dict[str, torch.Tensor]) -> torch.Tensor:
    """Boxes from a head's raw answers.

    Half precision would cost them pixels. The head's own method keeps the anchors of the last image's size, which
    another thread may need for another size.
    """
    anchors, strides = make_anchors([level.float() for level in answers["feats"]], head.stride.float(), 0.5)
    return head.decode_bboxes(head.dfl(answers["boxes"].float()), anchors.T[None]) * strides.T


def _change_decoder(head: RTDETRDecoder) -> None:
    """Make a head compute in float32, for several threads at once; its own way keeps anchors as that of others does."""
    head.float()
    head.register_forward_pre_hook(lambda _, given: ([level.float() for level in given[0]], *given[1:]))
    head._get_decoder_input = partial(_decoder_input, head)


def _decoder_input(head: RTDETRDecoder, *given: object) -> tuple[torch.Tensor, ...]:
    own = copy.copy(head)
    own.shapes = None
    return RTDETRDecoder._get_decoder_input(own, *given)


def _for_grey_images(model: torch.nn.Module) -> int:
    """Make the first layers of a network for colour images take grey ones; how many channels it takes then."""
    firsts = [next(part for part in layer.modules() if isinstance(part, torch.nn.Conv2d)) for layer in _firsts(model)]
    for first in firsts:
        if first.in_channels == COLOURS:
            first.weight = torch.nn.Parameter(first.weight.sum(dim=1, keepdim=True), requires_grad=False)
            first.in_channels = 1
    return firsts[0].in_channels


def _firsts(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The layers that see the image itself: the first, or those it hands the image on to as it is."""
    first, *others = model.model
    if not isinstance(first, torch.nn.Identity):
        return [first]
    return [layer for layer in others if layer.f == 0 or (layer.f == -1 and layer.i == 1)]


def _all_names(names: dict[int, str], count: int) -> tuple[str, ...]:
    """The names of all classes: of those without one, the number."""
    return tuple(names.get(number, str(number)) for number in range(count))


def _from_tensors(path: Path) -> tuple[torch.nn.Module, dict[int, str]]:
    tensors, description = load_tensors(path)
    try:
        network, names = description["network"], _numbered(description["names"])
        family = RTDETRDetectionModel if network["head"][-1][2] == "RTDETRDecoder" else DetectionModel
        model = family(network, ch=network.get("channels", COLOURS), verbose=False)
        model.load_state_dict(tensors)
    except Exception as error:
        raise OrbitileError(f"{path}: not weights of a YOLO network ({reason_of(error)})") from error
    return model, names


def _from_checkpoint(path: Path) -> tuple[torch.nn.Module, dict[int, str]]:
    try:
        checkpoint, _ = torch_safe_load(path, safe_only=True)
        model = checkpoint.get("ema") or checkpoint["model"]
        return model, _numbered(model.names)
    except Exception as error:
        raise OrbitileError(f"{path}: no ultralytics detection model ({reason_of(error)})") from error


def _numbered(names: dict | list) -> dict[int, str]:
    """Names of classes by number, as old checkpoints and JSON have them, too."""
    named = names.items() if isinstance(names, dict) else enumerate(names)
    return {int(number): str(name) for number, name in named}
