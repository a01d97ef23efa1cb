import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from orbitile.base.errors import OrbitileError
from orbitile.training.segmentation.class_weights import class_weights

NAMES = ("background", "rock", "sand")


def counted(*counts):
    return lambda: np.array(counts, np.int64)


def test_weights_by_frequency_are_those_of_scikit_learn():
    weights = class_weights("inverse_frequency", NAMES, counted(50, 40, 10))
    labels = np.repeat([0, 1, 2], [50, 40, 10])
    assert list(weights) == list(NAMES)
    assert list(weights.values()) == pytest.approx(
        list(compute_class_weight("balanced", classes=np.arange(3), y=labels))
    )


def test_weights_by_name_are_put_in_order_without_counting():
    def counting():
        raise AssertionError

    assert class_weights(dict(sand=2, background=0, rock=0.5), NAMES, counting) == dict(background=0, rock=0.5, sand=2)
    assert class_weights(None, NAMES, counting) is None


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ("inverse_frequency", "no training pixel is sand"),
        ("frequency", "frequency; allowed are inverse_frequency, or a weight for each class"),
        (dict(rock=1, sand=1), "weights of rock, sand; give those of background, rock, sand"),
        (dict(background=0, rock=0, sand=0), "all are 0"),
    ],
)
def test_other_weights_are_refused(choice, reason):
    with pytest.raises(OrbitileError, match=rf"^segmentation_training\.class_weights: .*{reason}"):
        class_weights(choice, NAMES, counted(5, 4, 0))
