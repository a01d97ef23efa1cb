"""A crater that several reviewers add is one crater."""

import pytest
from judgements import SHA256, judgement, write_judgements

from orbitile.base.errors import OrbitileError
from orbitile.review.additions import FramePairing, merge_additions
from orbitile.review.judgements import read_judgements
from orbitile.space.bodies import find_body

MOON = find_body("Moon")


@pytest.fixture
def merge(tmp_path):
    def merge(judged, scenes_apart=False):
        judgements = read_judgements([write_judgements(tmp_path / "a.csv", judged)], SHA256, MOON)
        return merge_additions(judgements, FramePairing(0.3, MOON.radius_m, scenes_apart))

    return merge


def added(lon, reviewer="anna", scene="", **changes):
    return judgement(None, "added", reviewer, lon=lon, scene=scene, **changes)


def test_the_same_crater_by_three_reviewers(merge):
    rows = merge([
        added(1.0), added(1.01, "ben", judged_at="2026-07-01T00:00:00Z"), added(1.005, "carl"), added(5.0, "ben"),
    ])  # fmt: skip
    assert rows["lon"].tolist() == pytest.approx([1.01, 5.0]) and rows["reviewers"].tolist() == [
        "anna; ben; carl",
        "ben",
    ]


def test_one_reviewer_s_craters_are_different_ones(merge):
    assert len(merge([added(1.0), added(1.01)])) == 2


def test_scenes_without_a_map_lie_apart(merge):
    craters = [added(1.0, scene="a"), added(1.0, "ben", "b"), added(1.0, "carl", "a")]
    assert merge(craters, scenes_apart=True)["reviewers"].tolist() == ["anna; carl", "ben"]
    assert len(merge(craters)) == 1
    with pytest.raises(OrbitileError, match="line 2: column scene is empty, but the images of this run have no map"):
        merge([added(1.0)], scenes_apart=True)


def test_nothing_was_added(merge):
    assert len(merge([])) == 0
