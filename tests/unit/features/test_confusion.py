"""The matrix of confusion and its measures, against literal tables and scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics

from orbitile.base.errors import OrbitileError
from orbitile.features.confusion import ConfusionMatrix

PLANES = arrays(np.uint8, (6, 7), elements=st.integers(0, 3))


def test_measures_of_a_matrix_counted_by_hand() -> None:
    """Of ten pixels: four of class 0 of which one is called 1, four of class 1 all right, two of class 2 called 0."""
    true = np.array([[0, 0, 0, 0, 1, 1, 1, 1, 2, 2]])
    predicted = np.array([[0, 0, 0, 1, 1, 1, 1, 1, 0, 0]])
    matrix = ConfusionMatrix.of(true, predicted, np.ones((1, 10), bool), 3)
    assert matrix.counts.tolist() == [[3, 1, 0], [0, 4, 0], [2, 0, 0]]
    assert matrix.recall.tolist() == [0.75, 1.0, 0.0]
    np.testing.assert_allclose(matrix.precision, [0.6, 0.8, np.nan])
    np.testing.assert_allclose(matrix.iou, [3 / 6, 4 / 5, 0.0])
    np.testing.assert_allclose(matrix.f1, [6 / 9, 8 / 9, 0.0])
    assert matrix.accuracy == 0.7
    assert matrix.balanced_accuracy == pytest.approx(1.75 / 3)
    assert matrix.mean_iou() == pytest.approx(1.3 / 3)
    assert matrix.mean_iou(leave_out=[0]) == pytest.approx(0.4)


def test_figures_name_the_classes_and_say_null_where_nothing_is_defined() -> None:
    """A class that is neither there nor predicted has no measure, and does not lower the means."""
    matrix = ConfusionMatrix(np.array([[5, 0, 0], [0, 3, 0], [0, 0, 0]]))
    figures = matrix.figures(("background", "rim", "floor"), background="background")
    assert figures["classes"]["floor"] == dict(
        precision=None, recall=None, f1=None, iou=None, true_px=0, predicted_px=0
    )
    assert figures["mean_iou"] == figures["mean_iou_without_background"] == figures["balanced_accuracy"] == 1.0
    assert figures["confusion"]["true_by_predicted"] == [[5, 0, 0], [0, 3, 0], [0, 0, 0]]
    assert ConfusionMatrix.empty(2).figures(("a", "b"), background="background")["mean_iou"] is None


@given(PLANES, PLANES, arrays(bool, (6, 7)))
def test_measures_are_those_of_scikit_learn(true: np.ndarray, predicted: np.ndarray, valid: np.ndarray) -> None:
    """Wherever both define them; the sum of two halves is the whole."""
    matrix = ConfusionMatrix.of(true, predicted, valid, 4)
    halves = [ConfusionMatrix.of(true[part], predicted[part], valid[part], 4) for part in (np.s_[:3], np.s_[3:])]
    assert (sum(halves, ConfusionMatrix.empty(4)).counts == matrix.counts).all()
    pair, labels = (true[valid], predicted[valid]), [0, 1, 2, 3]
    if not valid.any():
        assert not matrix.counts.any()
        return
    assert (matrix.counts == metrics.confusion_matrix(*pair, labels=labels)).all()
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(*pair, labels=labels, zero_division=np.nan)
    np.testing.assert_allclose(matrix.precision, precision)
    np.testing.assert_allclose(matrix.recall, recall)
    np.testing.assert_allclose(matrix.f1, f1)
    np.testing.assert_allclose(
        np.nan_to_num(matrix.iou), metrics.jaccard_score(*pair, labels=labels, average=None, zero_division=0)
    )
    assert matrix.accuracy == pytest.approx(metrics.accuracy_score(*pair))
    seen = np.unique(true[valid])
    assert matrix.balanced_accuracy == pytest.approx(
        metrics.recall_score(*pair, labels=seen, average="macro", zero_division=0)
    )


def test_numbers_that_are_no_class_are_refused() -> None:
    """They would be counted as other pairs."""
    with pytest.raises(OrbitileError, match="class 3, but there are only 3"):
        ConfusionMatrix.of(np.array([3]), np.array([0]), np.array([True]), 3)
