"""Completeness on searched ground: counts by hand, limits of Clopper and Pearson, and how often they hold."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from orbitile.review.searched_ground import SearchedCraters, Unknown, completeness_of
from orbitile.space.bodies import find_body

MOON_M = find_body("Moon").radius_m


def ground(detected, added=None, missed=None, elsewhere=0):
    """Rows with verdicts; `added` are the longitudes of what each reviewer added, 3 km large.

    `missed` are `elsewhere` and what was added.
    """
    added = added or {}
    rows = pd.DataFrame(dict(id=[f"r{number}" for number in range(len(detected))], is_detected=detected))
    judged = [
        dict(id=name, reviewer=reviewer, verdict="right", lon=0.0, lat=0.0, diameter_km=1.0)
        for reviewer in added
        for name in rows["id"]
    ]
    extra = [
        dict(id="", reviewer=reviewer, verdict="added", lon=lon, lat=1.0, diameter_km=3.0)
        for reviewer, longitudes in added.items()
        for lon in longitudes
    ]
    columns = ["id", "reviewer", "verdict", "lon", "lat", "diameter_km"]
    count = len({lon for longitudes in added.values() for lon in longitudes}) + elsewhere if missed is None else missed
    return SearchedCraters(rows, count, elsewhere, pd.DataFrame([*judged, *extra], columns=columns))


def figures(*args, **options):
    return completeness_of(ground(*args, **options), 0.95, 0.3, MOON_M)


def test_limits_are_those_of_the_binomial_distribution():
    result = figures(["right"] * 17 + ["false"] * 5, dict(anna=[1.0, 2.0, 3.0]))
    limits = binomtest(17, 20).proportion_ci(0.95, "exact")
    assert (result["right"], result["missed"], result["two_reviewers"]) == (17, 3, [])
    assert (result["low"], result["high"]) == pytest.approx(limits, abs=1e-4)
    assert result["unsure_right"] == result["unsure_false"] == 0.85


def test_unsure_rows_widen_the_range():
    result = figures(["right"] * 8 + ["unsure"] * 2, dict(anna=[1.0, 2.0]))
    assert (result["unsure_right"], result["unsure_false"]) == (round(10 / 12, 4), 0.8)
    assert result["low"] == pytest.approx(binomtest(8, 10).proportion_ci(0.95, "exact").low, abs=1e-4)
    assert result["high"] == pytest.approx(binomtest(10, 12).proportion_ci(0.95, "exact").high, abs=1e-4)


def test_nothing_missed():
    assert (figures(["right"] * 10)["high"], figures(["right"] * 10)["unsure_right"]) == (1, 1)


@pytest.mark.parametrize(
    ("detected", "reason"),
    [(["right", None], "1 rows on the searched ground have no verdict"), (["false"], "no crater")],
)
def test_what_is_not_known_is_said(detected, reason):
    result = figures(detected)
    assert isinstance(result, Unknown) and reason in result.reason


def test_what_two_reviewers_both_overlook():
    """Of 4 in common and 2 alone each, 7 * 7 / 5 - 1 = 8.8 are missing, of which 0.8 were added by nobody."""
    both = [1.0, 2.0, 3.0, 4.0]
    (pair,) = figures(["right"] * 40, dict(anna=[*both, 5.0, 6.0], ben=[*both, 7.0, 8.0]))["two_reviewers"]
    assert (pair["matched"], pair["only_first"], pair["only_second"]) == (4, 2, 2)
    assert pair["total"]["value"] == 8.8 and pair["completeness"]["unsure_right"] == round(40 / 48.8, 4)
    alone = figures(["right"] * 40, dict(anna=[*both, 5.0, 6.0]))
    assert pair["completeness"]["low"] < alone["low"]


def test_what_was_detected_elsewhere_is_missing_to_both():
    """Of 10 right rows, 10 that were moved away and 8 additions that both made: 10 of 28 craters are detected."""
    both = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    result = figures(["right"] * 10 + ["false"] * 10, dict(anna=both, ben=both), elsewhere=10)
    (pair,) = result["two_reviewers"]
    assert (pair["matched"], pair["total"]["value"]) == (8, 8)
    assert result["unsure_right"] == pair["completeness"]["unsure_right"] == round(10 / 28, 4)
    assert pair["completeness"]["low"] < result["low"] and pair["completeness"]["high"] > result["high"]


def test_rows_that_were_moved_away_say_nothing_of_what_is_overlooked():
    """Both saw these rows: as many additions stay overlooked, 0.8 of 8.8 by hand, however many rows were moved."""
    added = dict(anna=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], ben=[1.0, 2.0, 3.0, 4.0, 7.0, 8.0])
    for elsewhere in (0, 1, 30):
        (pair,) = figures(["right"] * 40 + ["false"] * elsewhere, added, elsewhere=elsewhere)["two_reviewers"]
        assert pair["both_lack"]["value"] == 0.8
        assert pair["completeness"]["unsure_right"] == round(40 / (48.8 + elsewhere), 4)


def test_reviewers_without_a_common_crater_leave_it_open():
    (pair,) = figures(["right"] * 9, dict(anna=[1.0], ben=[2.0]))["two_reviewers"]
    assert pair["completeness"] is None and pair["total"]["high"] is None


def test_intervals_hold_as_often_as_they_say():
    """80 grounds of 60 craters, of which each is detected with 0.8 and each reviewer sees what is missing with 0.7."""
    random, hold = np.random.default_rng(0), [0, 0]
    for _ in range(80):
        right = int((random.random(60) < 0.8).sum())
        seen = {name: 2.0 * np.flatnonzero(random.random(60 - right) < 0.7) for name in ("anna", "ben")}
        result = figures(["right"] * right, seen, missed=60 - right)
        (pair,) = result["two_reviewers"]
        hold[0] += result["low"] <= 0.8 <= result["high"]
        hold[1] += pair["completeness"] is None or pair["completeness"]["low"] <= 0.8 <= pair["completeness"]["high"]
    assert hold[0] >= 0.94 * 80 and hold[1] >= 0.95 * 80


def test_intervals_hold_where_rows_were_moved_away():
    """As above; half of what is not detected has a row elsewhere, which both see."""
    random, hold = np.random.default_rng(0), 0
    for _ in range(80):
        right, elsewhere, without_row = random.multinomial(60, [0.8, 0.1, 0.1]).tolist()
        seen = {name: 2.0 * np.flatnonzero(random.random(without_row) < 0.7) for name in ("anna", "ben")}
        result = figures(["right"] * right + ["false"] * elsewhere, seen, elsewhere=elsewhere)
        (pair,) = result["two_reviewers"]
        hold += pair["completeness"] is None or pair["completeness"]["low"] <= 0.8 <= pair["completeness"]["high"]
    assert hold >= 0.95 * 80
