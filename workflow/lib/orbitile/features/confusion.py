"""How classes that exclude each other are confused: the matrix of pixels by true and predicted class, and its measures.

Measures as defined by Everingham et al. (2010, doi 10.1007/s11263-009-0275-4) for the intersection over the union, and
by Brodersen et al. (2010, doi 10.1109/ICPR.2010.764) for the balanced accuracy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.features.metrics import share_or_nan


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """Numbers of pixels (K, K; int64): rows are true classes, columns predicted ones, both in the same order.

    Measures of classes are arrays (K), NaN where nothing is to be divided by; means are over the defined ones, NaN
    where none is.
    """

    counts: np.ndarray

    @classmethod
    def empty(cls, classes: int) -> Self:
        """No pixel yet."""
        return cls(np.zeros((classes, classes), np.int64))

    @classmethod
    def of(cls, true: np.ndarray, predicted: np.ndarray, valid: np.ndarray, classes: int) -> Self:
        """Count the pixels that are `valid` (bool) by `true` and `predicted` class, 0 .. `classes` - 1, of one shape.

        OrbitileError for a number that is no class.
        """
        rows, columns = true[valid].astype(np.int64), predicted[valid].astype(np.int64)
        if len(rows) and not 0 <= min(rows.min(), columns.min()) <= max(rows.max(), columns.max()) < classes:
            raise OrbitileError(f"pixels of class {max(rows.max(), columns.max())}, but there are only {classes}")
        pairs = np.bincount(rows * classes + columns, minlength=classes**2)
        return cls(pairs.reshape(classes, classes))

    def __add__(self, matrix: Self) -> Self:
        return type(self)(self.counts + matrix.counts)

    @property
    def precision(self) -> np.ndarray:
        """Share of each class's predicted pixels that are true."""
        return share_or_nan(self._agreeing, self.counts.sum(axis=0))

    @property
    def recall(self) -> np.ndarray:
        """Share of each class's true pixels that are predicted."""
        return share_or_nan(self._agreeing, self.counts.sum(axis=1))

    @property
    def f1(self) -> np.ndarray:
        """Harmonic mean of precision and recall, which is the Dice coefficient."""
        return share_or_nan(2 * self._agreeing, self.counts.sum(axis=0) + self.counts.sum(axis=1))

    @property
    def iou(self) -> np.ndarray:
        """Intersection of each class's true and predicted pixels over their union."""
        return share_or_nan(self._agreeing, self.counts.sum(axis=0) + self.counts.sum(axis=1) - self._agreeing)

    @property
    def accuracy(self) -> float:
        """Share of all pixels whose class is right."""
        return float(share_or_nan(self._agreeing.sum(), self.counts.sum()))

    @property
    def balanced_accuracy(self) -> float:
        """Mean of the classes' recall: of two classes, of sensitivity and specificity."""
        return _defined_mean(self.recall)

    def mean_iou(self, leave_out: Sequence[int] = ()) -> float:
        """Mean IoU of the classes but those to be left out, such as the background."""
        return _defined_mean(np.delete(self.iou, list(leave_out)))

    def figures(self, names: Sequence[str], background: str) -> dict:
        """All measures for JSON, null where not defined: of each class by its name, their means, and the matrix."""
        is_background = [number for number, name in enumerate(names) if name == background]
        measures = {name: getattr(self, name) for name in ("precision", "recall", "f1", "iou")}
        return dict(
            classes={
                name: {measure: _null_if_nan(values[number]) for measure, values in measures.items()}
                | dict(true_px=int(self.counts[number].sum()), predicted_px=int(self.counts[:, number].sum()))
                for number, name in enumerate(names)
            },
            accuracy=_null_if_nan(self.accuracy), balanced_accuracy=_null_if_nan(self.balanced_accuracy),
            mean_iou=_null_if_nan(self.mean_iou()),
            mean_iou_without_background=_null_if_nan(self.mean_iou(is_background)),
            confusion=dict(classes=list(names), true_by_predicted=self.counts.tolist()),
        )  # fmt: skip

    @property
    def _agreeing(self) -> np.ndarray:
        return np.diagonal(self.counts)


def _defined_mean(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def _null_if_nan(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
