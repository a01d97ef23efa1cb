"""What several reviewers say becomes one verdict; agreement is that of scikit-learn."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judgements import SHA256, judgement, write_judgements
from sklearn.metrics import cohen_kappa_score

from orbitile.base.errors import OrbitileError
from orbitile.review.judged_rows import agreement_figures, combine_judgements, find_rows, is_detected, still_match
from orbitile.review.judgements import read_judgements
from orbitile.space.bodies import find_body

MOON = find_body("Moon")
LATER = dict(judged_at="2026-06-01T00:00:00Z")


@pytest.fixture
def settle(scattered, tmp_path):
    """The verdicts on rows by judgements, and the judgements and rows themselves."""

    def settle(judged, decides=None):
        judgements = read_judgements([write_judgements(tmp_path / "a.csv", judged)], SHA256, MOON)
        found = find_rows(scattered, judgements)
        return combine_judgements(judgements, found, decides), judgements, found

    return settle


def test_reviewers_who_agree(rows, settle):
    verdicts, *_ = settle([judgement(rows[0]), judgement(rows[0], reviewer="ben", **LATER)])
    (verdict,) = verdicts.to_dict("records")
    assert (verdict["verdict"], verdict["is_disputed"], verdict["reviewers"]) == ("right", False, "anna; ben")
    assert verdict["judgements"] == "anna: right, 2026-05-31T14:05:00Z; ben: right, 2026-06-01T00:00:00Z"
    assert verdict["judged_at"] == "2026-06-01T00:00:00Z" and verdict["lon"] == rows[0]["lon"]


@pytest.mark.parametrize(
    ("decides", "expected"), [(None, "unsure"), ("anna", "right"), ("ben", "false"), ("carl", "unsure")]
)
def test_reviewers_who_disagree(rows, settle, decides, expected):
    verdicts, *_ = settle([judgement(rows[0]), judgement(rows[0], "false", "ben")], decides)
    assert verdicts["verdict"].tolist() == [expected] and verdicts["is_disputed"].tolist() == [True]


def test_the_last_correction_counts_and_a_right_one_is_no_dispute(rows, settle):
    moves = [judgement(rows[0], "moved", diameter_km=5.0, **LATER), judgement(rows[0], "moved", "ben", diameter_km=4.0)]
    verdicts, *_ = settle([*moves, judgement(rows[0], reviewer="carl")])
    assert verdicts[["verdict", "diameter_km"]].to_numpy().tolist() == [["moved", 5.0]]
    assert not verdicts["is_disputed"].any()


def test_a_row_that_was_moved_far_is_a_false_one(rows, settle):
    near, far = judgement(rows[0], "moved", diameter_km=1.2 * rows[0]["diameter_km"]), judgement(rows[1], "moved")
    verdicts, _, found = settle([near, far | dict(lat=rows[1]["lat"] + 1), judgement(rows[2], "unsure")])
    matches = still_match(verdicts, found, 0.3, MOON.radius_m)
    detected = dict(zip(verdicts.index, is_detected(verdicts, matches), strict=True))
    assert [detected[row["id"]] for row in rows[:3]] == ["right", "false", "unsure"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            dict(id="ABC"),
            "a.csv: line 2: the catalogue has no row 'ABC'; give the id as it stands there, or write added",
        ),
        (dict(lon=12.0), "a.csv: line 2: place or size is not that of row .*; put it back, or write moved"),
        (dict(diameter_km=9.0), "a.csv: line 2: place or size is not that of row "),
    ],
)
def test_rows_that_are_not_the_catalogue_s(rows, settle, changes, message):
    with pytest.raises(OrbitileError, match=message):
        settle([judgement(rows[0]) | changes])


@given(st.lists(st.tuples(*[st.sampled_from(["right", "moved", "false", "unsure"])] * 2), min_size=1, max_size=30))
def test_agreement_is_that_of_scikit_learn(pairs):
    judged = [
        dict(id=str(row), reviewer=name, verdict=word)
        for row, words in enumerate(pairs)
        for name, word in zip("ab", words, strict=True)
    ]
    (figures,) = agreement_figures(pd.DataFrame([*judged, dict(id="x", reviewer="a", verdict="false")]))
    first, second = (["right" if word == "moved" else word for word in words] for words in zip(*pairs, strict=True))
    assert figures["rows"] == len(pairs) and figures["agreed"] == sum(map(str.__eq__, first, second))
    if figures["kappa"] is None:
        assert len({*first, *second}) == 1
    else:
        assert figures["kappa"] == pytest.approx(cohen_kappa_score(first, second), abs=1e-4)
