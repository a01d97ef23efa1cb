import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ultralytics.data.augment import Compose, RandomFlip, RandomPerspective

from orbitile.training.ellipses import transform_boxes, use_ellipses

factor, place, side = st.floats(-3, 3), st.floats(-100, 100), st.floats(0.1, 100)


def sampled(box, matrix):
    """Reference: the box around many points of the ellipse, each of them mapped."""
    angle = np.linspace(0, 2 * np.pi, 3600)
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    points = centre + half * np.column_stack([np.cos(angle), np.sin(angle)])
    mapped = points @ matrix[:2, :2].T + matrix[:2, 2]
    return np.concatenate([mapped.min(axis=0), mapped.max(axis=0)])


@given(place, place, side, side, st.tuples(factor, factor, place, factor, factor, place))
def test_boxes_fit_the_mapped_ellipse(x, y, wide, high, six):
    box, matrix = np.array([x, y, x + wide, y + high]), np.array([*six, 0, 0, 1]).reshape(3, 3)
    assert transform_boxes(box[None], matrix)[0] == pytest.approx(sampled(box, matrix), abs=1e-3)


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 123])
def test_a_turned_circle_keeps_its_box(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    box = np.array([[-5, -5, 5, 5]], np.float32)
    turned = transform_boxes(box, np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]))
    assert turned.dtype == box.dtype
    assert np.allclose(turned, box, atol=1e-5)


def test_no_boxes():
    assert transform_boxes(np.empty((0, 4), np.float32), np.eye(3)).shape == (0, 4)


def test_every_affine_step_of_a_pipeline_is_changed():
    inner, outer, flip = RandomPerspective(), RandomPerspective(), RandomFlip()
    use_ellipses(Compose([Compose([inner, flip]), outer]))
    assert inner.apply_bboxes is outer.apply_bboxes is transform_boxes
    assert not hasattr(flip, "apply_bboxes")
