import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.georeferencing.cameras.distortion import AlongLine, Cubic, NoDistortion, Radial

MODELS = {
    "ctx": (Radial((-0.0073433925920054505, 2.8375878636241697e-05, 1.2841989124027099e-08)), 17.5),
    "hirise": (Radial((-0.0048509, 2.41312e-07, -1.62369e-13)), 150.0),
    "nac": (AlongLine(1.81e-5), 17.8),
    "mdis": (
        Cubic(
            (0.0, 1.0018542696238, 0.0, 0.0, -5.09444047494111e-04, 0.0, 1.00401047146886e-05, 0.0, 1.0e-05, 0.0),
            (0.0, 0.0, 1.0, 9.06001059499675e-04, 0.0, 3.5748426266207e-04, 0.0, 1.0e-05, 0.0, 1.0e-05),
        ),
        7.2,
    ),
    "none": (NoDistortion(), 100.0),
}


@given(st.sampled_from(sorted(MODELS)), st.floats(-1, 1), st.floats(-1, 1))
def test_what_is_removed_is_what_was_applied(name, x, y):
    model, reach_mm = MODELS[name]
    there = model.distort(*model.undistort(np.array([x * reach_mm]), np.array([y * reach_mm])))
    np.testing.assert_allclose(np.ravel(there), [x * reach_mm, y * reach_mm], atol=1e-9)


@pytest.mark.parametrize(
    ("model", "distorted", "expected"),
    [
        (Radial((0.01, 0.001, 0.0)), (3.0, 4.0), (3 * (1 - 0.035), 4 * (1 - 0.035))),
        (AlongLine(0.01), (5.0, 2.0), (5.0, 2 / 1.04)),
        (NoDistortion(), (5.0, 2.0), (5.0, 2.0)),
    ],
)
def test_models_by_hand(model, distorted, expected):
    np.testing.assert_allclose(np.ravel(model.undistort(*map(np.atleast_1d, distorted))), expected)


def test_cubic_by_hand():
    model = Cubic((1, 0, 0, 0, 0, 0, 0, 0, 0, 2), (0, 0, 0, 0, 3, 0, 0, 4, 0, 0))
    np.testing.assert_allclose(np.ravel(model.distort(np.array([2.0]), np.array([3.0]))), [1 + 2 * 27, 3 * 6 + 4 * 12])


def test_far_off_the_detector_radial_distortion_does_not_bend_back():
    model, _ = MODELS["ctx"]
    radius = np.linspace(0, 500, 1000)
    removed, _ = model.undistort(radius, 0 * radius)
    assert (np.diff(removed) > 0).all()
    back, _ = model.distort(removed, 0 * radius)
    np.testing.assert_allclose(back, radius, atol=1e-9)
