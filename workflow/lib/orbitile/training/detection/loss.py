"""The loss of a detector whose labels may be unsure: ultralytics' own, with targets weighted by agreement."""

from typing import Any

import torch

from orbitile.inference.models.ultralytics_offline import (
    DetectionModel,
    E2ELoss,
    TaskAlignedAssigner,
    v8DetectionLoss,
)
from orbitile.inference.models.yolo import head_of
from orbitile.training.detection.dataset import CropBatch


class AgreementAssigner(TaskAlignedAssigner):
    """Assigns boxes to places of the network's grid, and lowers their target scores by the agreement on each.

    `agreement` (tiles, boxes) and `smallest_px` (tiles) are those of the batch; `is_ignored` (tiles, places) tells
    afterwards which places count neither as right nor as wrong: those of boxes with agreement 0, and those without a
    label whose predicted box is smaller than what is labelled.
    """

    agreement: torch.Tensor
    smallest_px: torch.Tensor
    is_ignored: torch.Tensor

    def forward(
        self, pd_scores: torch.Tensor, pd_bboxes: torch.Tensor, *arguments: torch.Tensor, **extra: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        """As of the base class."""
        labels, boxes, scores, is_assigned, index = super().forward(pd_scores, pd_bboxes, *arguments, **extra)
        is_assigned = is_assigned.bool()
        size_px = (pd_bboxes[..., 2:] - pd_bboxes[..., :2]).mean(dim=-1)
        self.is_ignored = ~is_assigned & (size_px < self.smallest_px[:, None])
        if self.agreement.shape[1]:
            agreement = self.agreement.gather(1, index.long())
            scores = scores * torch.where(is_assigned, agreement, torch.ones_like(agreement))[..., None]
            self.is_ignored |= is_assigned & (agreement == 0)
        return labels, boxes, scores, is_assigned, index


class AgreementLoss(v8DetectionLoss):
    """Ultralytics' loss with AgreementAssigner in its place."""

    def __init__(self, model: DetectionModel, tal_topk: int = 10, tal_topk2: int | None = None) -> None:
        super().__init__(model, tal_topk, tal_topk2)
        self.assigner = AgreementAssigner(
            topk=tal_topk,
            num_classes=self.nc,
            alpha=0.5,
            beta=6.0,
            stride=vars(self)["stride"].tolist(),
            topk2=tal_topk2,
        )
        vars(self).update(bce=_MaskedCrossEntropy(self.assigner))

    def loss(
        self, preds: dict[str, torch.Tensor], batch: dict[str, Any]
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """As of the base class; `batch` also has `agreement` and `smallest_px` (see dataset.CropBatch)."""
        boxes = torch.cat([batch["batch_idx"].view(-1, 1), batch["agreement"].view(-1, 1), batch["bboxes"]], dim=1)
        tiles = preds["boxes"].shape[0]
        laid_out = self.preprocess(boxes.to(self.device), tiles, torch.ones(4, device=self.device))
        self.assigner.agreement, self.assigner.smallest_px = laid_out[..., 0], batch["smallest_px"].to(self.device)
        return super().loss(preds, batch)


class _MaskedCrossEntropy:
    """Binary cross-entropy of scores, 0 at places that an assigner ignores."""

    def __init__(self, assigner: AgreementAssigner) -> None:
        self._assigner, self._entropy = assigner, torch.nn.BCEWithLogitsLoss(reduction="none")

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return self._entropy(scores, targets) * ~self._assigner.is_ignored[..., None]


def agreement_loss(model: DetectionModel) -> E2ELoss | AgreementLoss:
    """The loss of a network; of two heads, as those without suppression have, the sum of both."""
    has_two = getattr(head_of(model), "one2one_cv2", None) is not None  # `end2end` only says which of them detects
    return E2ELoss(model, AgreementLoss) if has_two else AgreementLoss(model)


def ultralytics_batch(batch: CropBatch) -> dict[str, torch.Tensor]:
    """A batch under ultralytics' names."""
    return dict(
        batch_idx=batch.tile, cls=torch.zeros(len(batch.tile), 1), bboxes=batch.boxes, agreement=batch.agreement,
        smallest_px=batch.smallest_px,
    )  # fmt: skip
