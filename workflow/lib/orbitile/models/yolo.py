"""YOLO networks of the ultralytics family."""

import logging
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torchvision.ops import batched_nms

from orbitile.errors import OrbitileError, first_line
from orbitile.models.adapter import Boxes, ModelChoice
from orbitile.models.ultralytics_offline import DetectionModel, torch_safe_load
from orbitile.models.weights import load_tensors

log = logging.getLogger(__name__)

IN_TILE_IOU = 0.7
"""Overlap above which boxes of one tile are the same answer of neighbouring anchors. Looser than
the suppression that follows, which decides with all tiles in view."""


class Yolo:
    """A YOLO network on a device, with as many tiles in every pass as the batch says.

    Short batches are filled up: some kernels depend on the batch's size in the last digits, and a
    tile's result must not depend on its company.
    """

    def __init__(self, model: torch.nn.Module, names: dict[int, str], choice: ModelChoice) -> None:
        self._device = _device(choice.device)
        self.on_cpu = self._device.type == "cpu"
        if self.on_cpu:
            torch.set_num_threads(1)  # split over cores, sums would end in other digits on another number of them
        self._model = model.float().eval().to(self._device, memory_format=torch.channels_last)
        self._names = np.array([names[number] for number in sorted(names)], dtype=object)
        self._batch, self._least_score = choice.batch, choice.score_threshold

    @classmethod
    def load(cls, choice: ModelChoice) -> Self:
        """Load .safetensors as `train` writes them, or an ultralytics .pt, without running code in it."""
        path = Path(choice.weights)
        model, names = (_from_tensors if path.suffix == ".safetensors" else _from_checkpoint)(path)
        head = model.model[-1]
        if getattr(head, "end2end", False):
            head.end2end = False
        return cls(model, names, choice)

    @torch.inference_mode()
    def predict(self, tiles: np.ndarray) -> Boxes:
        """Find boxes in a batch (n, side, side) of 8-bit grey tiles; n is at most the batch size."""
        filled = np.zeros((self._batch, *tiles.shape[1:]), np.uint8)
        filled[: len(tiles)] = tiles
        grey = torch.from_numpy(filled).to(self._device).float().div_(255)
        image = grey[:, None].expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        output = self._model(image)
        answers = output[0] if isinstance(output, (tuple, list)) else output
        return self._decode(answers[: len(tiles)])

    def _decode(self, answers: torch.Tensor) -> Boxes:
        """Turn the head's answers (n, 4 + classes, anchors) into boxes, without cap or time limit."""
        score, label = answers[:, 4:].max(dim=1)
        tile, anchor = torch.nonzero(score >= self._least_score, as_tuple=True)
        centre, size = answers[tile, :4, anchor].split(2, dim=1)
        corners = torch.cat([centre - size / 2, centre + size / 2], dim=1)
        score, label = score[tile, anchor], label[tile, anchor]
        kept = batched_nms(corners, score, tile * len(self._names) + label, IN_TILE_IOU).sort().values
        found = (array[kept].cpu().numpy() for array in (tile, corners, score, label))
        tile_numbers, boxes, scores, labels = found
        return Boxes(tile_numbers, boxes, scores, self._names[labels])


def _device(wanted: str) -> torch.device:
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise OrbitileError(f"model.device: {wanted} asked for, but no CUDA device is here; use auto or cpu")
    return torch.device(wanted)


def _from_tensors(path: Path) -> tuple[torch.nn.Module, dict[int, str]]:
    tensors, description = load_tensors(path)
    try:
        names = {int(number): name for number, name in description["names"].items()}
        model = DetectionModel(description["network"], nc=len(names), verbose=False)
        model.load_state_dict(tensors)
    except (KeyError, RuntimeError) as error:
        raise OrbitileError(f"{path}: not weights of a YOLO network ({first_line(error)})") from error
    return model.fuse(verbose=False), names


def _from_checkpoint(path: Path) -> tuple[torch.nn.Module, dict[int, str]]:
    try:
        checkpoint, _ = torch_safe_load(path, safe_only=True)
        model = checkpoint.get("ema") or checkpoint["model"]
        names = {int(number): str(name) for number, name in model.names.items()}
    except Exception as error:
        reason = first_line(str(error) or type(error).__name__)
        raise OrbitileError(f"{path}: no ultralytics detection model ({reason})") from error
    return model.float().fuse(verbose=False), names
