"""YOLO networks of the ultralytics family, and RT-DETR, which comes with it."""

import copy
import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Self, cast

import torch

from orbitile.base.errors import OrbitileError, reason_of
from orbitile.base.messages import shortened
from orbitile.inference.models.checkpoints import check_tensors
from orbitile.inference.models.detector_description import check_description, check_number, check_size
from orbitile.inference.models.devices import select_device, select_dtype
from orbitile.inference.models.network import BoxOutput, ModelChoice
from orbitile.inference.models.network_channels import (
    COLOURS,
    GREY,
    accepted_channels,
    check_bands,
    stated_channels,
)
from orbitile.inference.models.ultralytics_offline import (
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
from orbitile.inference.models.weights import Tensors, check_archive, load_tensors, warn_of_non_finite
from orbitile.inference.models.weights_header import MOST_CLASSES, check_names

log = logging.getLogger(__name__)

HEADS = (Detect, RTDETRDecoder)
REFUSED_HEADS = (OBB, WorldDetect, YOLOEDetect)
"""Kinds of Detect that want texts or find turned boxes."""
TRIAL_SIDE = 256
"""Pixels along an image that shows whether layers fit; RT-DETR needs more than 300 places in it."""


class Yolo:
    """A detection network on a device (see orbitile.inference.models.network.Network).

    Networks for colour images take grey ones, too: their first layer is summed over the three channels, which is what
    it makes of three equal ones.
    """

    reflect_padding = False

    def __init__(self, model: DetectionModel, names: tuple[str, ...], choice: ModelChoice) -> None:
        self.device = select_device(choice.device)
        self.names, self.channels = names, choice.bands
        self._dtype = select_dtype(choice.precision, self.device, torch.float16)
        model = model.eval().to(self._dtype).to(self.device).to(memory_format=torch.channels_last)
        head = head_of(model)
        self._is_query_based = isinstance(head, RTDETRDecoder)
        self.max_objects: int | None = head.num_queries if isinstance(head, RTDETRDecoder) else None
        self._has_corners = isinstance(head, Detect) and head.end2end
        _adapt_decoder(head) if isinstance(head, RTDETRDecoder) else _adapt_head(head)
        if self.max_objects:
            log.warning("%s: the network finds at most %d objects in a tile", choice.weights, self.max_objects)
        self._model: Callable[[torch.Tensor], Any] = torch.compile(model, dynamic=False) if choice.compile else model
        self._score_threshold = choice.score_threshold
        self._thread_memory = threading.local()

    @classmethod
    def load(cls, choice: ModelChoice) -> Self:
        """Load .safetensors as `train_detector` writes them, or an ultralytics .pt, without running code in it.

        OrbitileError for what is no such weights, or weights for another number of channels than the images have.
        """
        path = Path(choice.weights)
        model, names = (_load_tensors_model if path.suffix == ".safetensors" else _load_checkpoint)(path)
        head = head_of(model)
        if not isinstance(head, HEADS) or isinstance(head, REFUSED_HEADS):
            raise OrbitileError(
                f"{path}: its head, {type(head).__name__}, does not find upright boxes of classes it has learnt; "
                "use weights of a detection or segmentation network"
            )
        check_number(f"{path}: the number of classes", head.nc, 1, MOST_CLASSES)
        warn_of_non_finite(path, model)
        model = _fused(path, model)
        _adapt_first_layers(path, model, choice)
        _check_layers(path, model, choice)
        return cls(model, _all_names(names, head.nc), choice)

    @torch.inference_mode()
    def predict_batch(self, images: torch.Tensor) -> BoxOutput:
        """Find boxes in 8-bit images (n, channels, side, side)."""
        output = self._model(self._scaled(images))
        output = (output[0] if isinstance(output, (tuple, list)) else output).float()
        if self._is_query_based:
            return self._boxes_of_queries(output, images.shape[-1])
        return self._boxes_of_anchors(output.transpose(1, 2) if self._has_corners else output)

    def _scaled(self, images: torch.Tensor) -> torch.Tensor:
        """Images as 0..1; on the CPU in memory of each thread, which is used again."""
        if self.device.type != "cpu":
            return images.to(self._dtype, memory_format=torch.channels_last).div_(255)
        scaled = getattr(self._thread_memory, "scaled", None)
        if scaled is None or scaled.shape != images.shape:
            scaled = torch.empty(images.shape, dtype=self._dtype, memory_format=torch.channels_last)
            self._thread_memory.scaled = scaled
        return torch.div(images, 255, out=scaled)

    def _boxes_of_anchors(self, output: torch.Tensor) -> BoxOutput:
        """Boxes from output (n, 4 + classes, anchors)."""
        score, label = output[:, 4 : 4 + len(self.names)].max(dim=1)
        non_finite = ~torch.isfinite(output.sum(dim=(1, 2)))
        tile, anchor = torch.nonzero(score >= self._score_threshold, as_tuple=True)
        corners = output.transpose(1, 2)[tile, anchor, :4]
        if not self._has_corners:
            centre, size = corners.split(2, dim=1)
            corners = torch.cat([centre - size / 2, centre + size / 2], dim=1)
        return BoxOutput(tile, corners, score[tile, anchor], label[tile, anchor], non_finite)

    def _boxes_of_queries(self, output: torch.Tensor, side: int) -> BoxOutput:
        """Boxes from output (n, queries, 6): centre and size as shares of the tile, score, class."""
        non_finite = ~torch.isfinite(output.sum(dim=(1, 2)))
        tile, query = torch.nonzero(output[..., 4] >= self._score_threshold, as_tuple=True)
        centre, size, score, label = output[tile, query].split((2, 2, 1, 1), dim=1)
        corners = torch.cat([centre - size / 2, centre + size / 2], dim=1) * side
        return BoxOutput(tile, corners, score[:, 0], label[:, 0].long(), non_finite)


def _layers_of(model: DetectionModel) -> list[torch.nn.Module]:
    return list(cast(torch.nn.Sequential, model.model))


def head_of(model: DetectionModel) -> Detect | RTDETRDecoder:
    """The last layer, which finds boxes; networks where it is of another type are refused."""
    return cast("Detect | RTDETRDecoder", _layers_of(model)[-1])


def _adapt_head(head: Detect) -> None:
    """Make a head output all its boxes and boxes alone, decoded in float32, to several threads at once."""
    if isinstance(head, (Segment, Pose)):
        head.__class__ = Detect  # type: ignore[assignment]  # leaves out masks and key points
    head.dfl.float()
    # Else an end-to-end head would keep 300 objects of a tile.
    vars(head).update(postprocess=_keep_all, _get_decode_boxes=partial(_decode_boxes, head))


def _keep_all(output: torch.Tensor) -> torch.Tensor:
    return output


def _decode_boxes(head: Detect, output: dict[str, torch.Tensor]) -> torch.Tensor:
    """Boxes from a head's undecoded output.

    Half precision would cost them pixels. The head's own method keeps the anchors of the last image's size, which
    another thread may need for another size.
    """
    anchors, strides = make_anchors([level.float() for level in output["feats"]], head.stride.float(), 0.5)
    return head.decode_bboxes(head.dfl(output["boxes"].float()), anchors.T[None]) * strides.T


def _adapt_decoder(head: RTDETRDecoder) -> None:
    """Make a head compute in float32, for several threads at once: its own method keeps anchors, as other heads' do."""
    head.float()
    head.register_forward_pre_hook(lambda _, inputs: ([level.float() for level in inputs[0]], *inputs[1:]))
    vars(head).update(_get_decoder_input=partial(_decoder_input, head))


def _decoder_input(
    head: RTDETRDecoder,
    features: torch.Tensor,
    shapes: list[list[int]],
    embedding: torch.Tensor | None = None,
    boxes: torch.Tensor | None = None,
) -> tuple[torch.Tensor, ...]:
    """The input of a decoder, with anchors for the shapes of these features."""
    thread_head = copy.copy(head)
    vars(thread_head).update(shapes=None)
    return RTDETRDecoder._get_decoder_input(thread_head, features, shapes, embedding, boxes)


def _fused(path: Path, model: DetectionModel) -> DetectionModel:
    """A network in float32 with its normalisations in the convolutions; OrbitileError where layers are damaged."""
    try:
        return model.float().fuse(verbose=False)
    except Exception as error:
        raise _misfit(path, error) from error


def _adapt_first_layers(path: Path, model: DetectionModel, choice: ModelChoice) -> None:
    """Let a network for colour images take grey ones where the run's are; OrbitileError for images it cannot take."""
    convolutions = _first_convolutions(model)
    stated, inputs = stated_channels(choice), next(iter(convolutions.values())).in_channels
    accepted = accepted_channels(stated, inputs)
    if not accepted:
        raise OrbitileError(
            f"{path}: the description states {stated} channels, but the first layer takes {inputs}; export the weights "
            "again"
        )
    check_bands(path, choice.bands, accepted)
    for first in convolutions.values():
        if first.in_channels == COLOURS and choice.bands == GREY:
            first.weight = torch.nn.Parameter(first.weight.sum(dim=1, keepdim=True), requires_grad=False)
            first.in_channels = GREY


@torch.inference_mode()
def _check_layers(path: Path, model: DetectionModel, choice: ModelChoice) -> None:
    """OrbitileError where the layers of a network do not fit each other, which an image through them shows."""
    trial = copy.deepcopy(model).eval()  # heads keep what they compute for the size of an image
    try:
        trial(torch.zeros(1, choice.bands, TRIAL_SIDE, TRIAL_SIDE))
    except Exception as error:
        raise _misfit(path, error) from error


def _misfit(path: Path, error: Exception) -> OrbitileError:
    return OrbitileError(f"{path}: its layers do not fit each other ({reason_of(error)}); use other weights")


def _first_convolutions(model: DetectionModel) -> dict[str, torch.nn.Conv2d]:
    """The convolutions that see the image itself, by their name in the network."""
    names = {part: name for name, part in model.named_modules()}
    firsts = [
        next(part for part in layer.modules() if isinstance(part, torch.nn.Conv2d)) for layer in _first_layers(model)
    ]
    return {names[first]: first for first in firsts}


def _first_layers(model: DetectionModel) -> list[torch.nn.Module]:
    """The layers that see the image itself: the first, or those it hands the image on to unchanged."""
    first, *rest = _layers_of(model)
    if not isinstance(first, torch.nn.Identity):
        return [first]
    return [layer for layer in rest if layer.f == 0 or (layer.f == -1 and layer.i == 1)]


def _all_names(names: dict[int, str], count: int) -> tuple[str, ...]:
    """The names of all classes; a class without a name is called by its number."""
    return tuple(names.get(number, str(number)) for number in range(count))


def _load_tensors_model(path: Path) -> tuple[DetectionModel, dict[int, str]]:
    tensors, description = load_tensors(path)
    try:
        network, names = description["network"], _numbered_names(description["names"])
        check_description(network)
        check_size(network, tensors)
        model = _build(network, tensors)
        check_tensors(model.state_dict(), tensors)
        model.load_state_dict(tensors, strict=False)
    except Exception as error:
        raise OrbitileError(f"{path}: not weights of a YOLO network ({shortened(reason_of(error), 400)})") from error
    return model, names


def _build(network: dict[str, Any], tensors: Tensors) -> DetectionModel:
    """The network of random weights, with as many channels as the tensors of its first layer have."""
    family = RTDETRDetectionModel if network["head"][-1][2] == "RTDETRDecoder" else DetectionModel
    model = family(network, ch=network.get("channels", COLOURS), verbose=False)
    name, first = next(iter(_first_convolutions(model).items()))
    weight = tensors.get(f"{name}.weight")
    if weight is None or weight.shape[1] == first.in_channels:
        return model
    return family(network, ch=weight.shape[1], verbose=False)


def _load_checkpoint(path: Path) -> tuple[DetectionModel, dict[int, str]]:
    try:
        check_archive(path)
        checkpoint, _ = torch_safe_load(path, safe_only=True)
        model = checkpoint.get("ema") or checkpoint["model"]
        _check_memory(path, model)
        return model, _numbered_names(model.names)
    except Exception as error:
        raise OrbitileError(f"{path}: no ultralytics detection model ({shortened(reason_of(error), 400)})") from error


def _numbered_names(names: dict | list) -> dict[int, str]:
    """Names of classes by number, as old checkpoints and JSON have them, too."""
    numbered = names.items() if isinstance(names, dict) else enumerate(names)
    names = {int(number): str(name) for number, name in numbered}
    check_names(names.values())
    return names


def _check_memory(path: Path, model: torch.nn.Module) -> None:
    """OrbitileError where tensors claim more than the file holds: one number may stand for any number of them."""
    claimed = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    if claimed > 2 * path.stat().st_size:
        raise OrbitileError(f"its tensors claim {claimed} bytes, the file has {path.stat().st_size}")
