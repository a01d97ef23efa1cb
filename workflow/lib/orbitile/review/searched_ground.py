"""How complete a catalogue is on ground that people searched entirely: what is there, and what they added."""

from itertools import combinations
from typing import Any, NamedTuple

import pandas as pd
from scipy.stats import beta

from orbitile.detections.matching import pair_craters
from orbitile.review.additions import added_by
from orbitile.review.capture_recapture import DoubleCount
from orbitile.review.judged_rows import circles_as_craters
from orbitile.review.judgements import ADDED
from orbitile.review.verdicts import RIGHT, UNSURE

DIGITS = 4


class SearchedCraters(NamedTuple):
    """The craters of searched ground, from a least diameter on.

    `rows` are the catalogue's (column is_detected: RIGHT, FALSE, UNSURE, or missing where nobody judged), `missed` how
    many were added or were detected `elsewhere`: a row was moved there that does not match itself any more.
    `judgements` are those of all reviewers on that ground.
    """

    rows: pd.DataFrame
    missed: int
    elsewhere: int
    judgements: pd.DataFrame


class Unknown(NamedTuple):
    """Why nothing is said, in one line."""

    reason: str


def completeness_of(
    ground: SearchedCraters, confidence: float, iou_threshold: float, radius_m: float
) -> dict | Unknown:
    """The share of the craters on searched ground that the catalogue has, for JSON, with its interval.

    Clopper and Pearson (1934, Biometrika 26, 404-413), for craters that are detected independently of each other with
    the same probability: for those of that ground and of ground like it. Rows that are unsure count once as right and
    once as false. Where two reviewers searched all of it, what both overlook is estimated, too.
    """
    unjudged = int(ground.rows["is_detected"].isna().sum())
    if unjudged:
        return Unknown(f"{unjudged} rows on the searched ground have no verdict; judge all of them there")
    right, unsure = (int((ground.rows["is_detected"] == word).sum()) for word in (RIGHT, UNSURE))
    if not right + unsure + ground.missed:
        return Unknown("on the searched ground there is no crater that is large enough")
    counts = dict(right=right, unsure=unsure, missed=ground.missed)
    figures = counts | _shares(right, unsure, (ground.missed, ground.missed), ground.missed, confidence)
    pairs = [_pair(pair, ground, confidence, iou_threshold, radius_m) for pair in combinations(_searchers(ground), 2)]
    return figures | dict(two_reviewers=pairs)


def _pair(
    reviewers: tuple[str, str], ground: SearchedCraters, confidence: float, iou_threshold: float, radius_m: float
) -> dict[str, Any]:
    """What two reviewers who searched the same ground both overlook, by capture and recapture.

    That goes by what they added. Craters that were detected elsewhere are known as right rows are, for both judged all
    rows: they are missing as well, but tell nothing of how much without a row is seen, whichever reviewer moved them.
    Each of the two intervals that are joined is so wide that both hold together with the confidence (Bonferroni).
    """
    first, second = (circles_as_craters(added_by(ground.judgements, name)) for name in reviewers)
    i, _ = pair_craters(first, second, iou_threshold, radius_m)
    count, joint = DoubleCount(len(i), len(first) - len(i), len(second) - len(i)), 1 - (1 - confidence) / 2
    right, unsure = (int((ground.rows["is_detected"] == word).sum()) for word in (RIGHT, UNSURE))
    figures = dict(reviewers=list(reviewers), **count.figures(confidence))
    low, high = count.interval(joint)
    if high is None:
        return figures | dict(completeness=None)
    missed = low + ground.elsewhere, high + ground.elsewhere
    return figures | dict(completeness=_shares(right, unsure, missed, count.total + ground.elsewhere, joint))


def _searchers(ground: SearchedCraters) -> list[str]:
    """The reviewers who judged every row on the ground, and so saw all of it; none where there are no rows."""
    judged = ground.judgements[ground.judgements["verdict"] != ADDED]
    rows = judged.groupby("reviewer")["id"].nunique()
    return sorted(rows[rows == len(ground.rows)].index) if len(ground.rows) else []


def _shares(
    right: int, unsure: int, missed: tuple[int, int], likeliest: float, confidence: float
) -> dict[str, float | dict[str, float]]:
    """The share with unsure rows right, and with them false, and the outer limits."""
    (fewest, most), tail = missed, (1 - confidence) / 2
    best = right + unsure
    low = float(beta.ppf(tail, right, most + 1)) if right else 0.0
    high = float(beta.ppf(1 - tail, best + 1, fewest)) if fewest else 1.0
    return dict(
        low=round(low, DIGITS), high=round(high, DIGITS), unsure_right=_share(best, likeliest),
        unsure_false=_share(right, likeliest),
    )  # fmt: skip


def _share(right: int, missed: float) -> float:
    return round(right / (right + missed), DIGITS) if right + missed else 0.0
