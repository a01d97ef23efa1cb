import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orbitile.space.caps import Caps
from orbitile.space.ground import angles_between, unit_vectors


def crowd(seed, spread):
    """Unit vectors (20, 3) around a place anywhere."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=3) + spread * rng.normal(size=(20, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([0.01, 0.3, 3]), st.sampled_from([0.01, 0.3, 3]))
def test_nothing_in_two_caps_is_nearer_than_the_gap_between_them(seed, other_seed, spread, other_spread):
    points, others = crowd(seed, spread), crowd(other_seed, other_spread)
    cap, other = Caps.around(points), Caps.around(others)
    apart = angles_between(points[:, None], others[None])
    assert cap.gaps(other).item() <= apart.min()
    assert (cap.gaps_to(others) <= apart.min(axis=0)).all()
    assert (cap.gaps_to(points) == 0).all()


def test_caps_that_lie_apart():
    cap, other = (Caps.around(unit_vectors(np.array(lon), np.array([0, 0]))) for lon in ([0, 10], [30, 50]))
    assert np.degrees(cap.gaps(other)).item() == pytest.approx(20, abs=1e-4)
    assert np.degrees(cap.gaps_to(unit_vectors(np.array([90.0]), np.array([0.0])))) == pytest.approx([80], abs=1e-4)


def test_points_all_around_the_body_have_the_body_for_a_cap():
    cap = Caps.around(unit_vectors(np.array([0.0, 180.0]), np.array([0.0, 0.0])))
    assert cap.radii == [np.pi]


def test_joined():
    parts = [Caps.around(crowd(seed, 0.1)) for seed in (0, 1)]
    joined = Caps.joined(parts)
    assert len(joined) == 2 and len(Caps.joined([])) == 0
    assert joined.gaps(Caps.joined([])).shape == (2, 0)
    assert joined.gaps(parts[1])[1] == 0


def test_a_cap_around_caps():
    """Two that touch on the equator, and one on each side of the body."""
    caps = Caps.joined([Caps(unit_vectors(np.array([lon]), np.zeros(1)), np.radians([5.0])) for lon in (0.0, 10.0)])
    around = caps.enclosing()
    assert unit_vectors(np.array([5.0]), np.zeros(1)) == pytest.approx(around.centres)
    assert np.degrees(around.radii) == pytest.approx([10], abs=1e-4)
    opposite = Caps(np.array([[1.0, 0, 0], [-1.0, 0, 0]]), np.radians([5.0, 5.0]))
    assert np.degrees(opposite.enclosing().radii) == pytest.approx([95], abs=1e-4)
