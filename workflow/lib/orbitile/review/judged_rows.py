"""What several reviewers said of the rows of a catalogue: one verdict for each, and how well they agree."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from orbitile.base.errors import OrbitileError
from orbitile.catalogue import Catalogue
from orbitile.detections.matching import crater_boxes
from orbitile.detections.nms.find_overlaps import paired_iou
from orbitile.review.judgements import ADDED, CIRCLE, FILE, MOVED
from orbitile.review.verdicts import FALSE, RIGHT, TOLERANCES, UNSURE
from orbitile.space.ground import wrap_longitude
from orbitile.tables.craters import Craters

ROW_COLUMNS = ("id", "class", "scene", *CIRCLE)
DIGITS = 4


def find_rows(catalogue: Catalogue, judgements: pd.DataFrame) -> pd.DataFrame:
    """The rows of a catalogue that were judged (columns ROW_COLUMNS), by their ids.

    The catalogue is read once, batch by batch. OrbitileError with file and line for an id that it does not have, and
    for a judged row whose place or size is not the catalogue's, unless it was moved.
    """
    judged = judgements[judgements["verdict"] != ADDED]
    ids = set(judged["id"])
    batches = (batch.to_pandas() for batch in catalogue.batches(ROW_COLUMNS)) if ids else ()
    frames = [batch[batch["id"].isin(ids)].astype({"scene": str, "class": str}) for batch in batches]
    rows = pd.concat(frames) if frames else pd.DataFrame({name: [] for name in ROW_COLUMNS})
    rows = rows.set_index("id")
    unknown = judged[~judged["id"].isin(rows.index)]
    if len(unknown):
        first = unknown.iloc[0]
        raise OrbitileError(
            f"{first[FILE]}: the catalogue has no row {first['id']!r}; give the id as it stands there, or write "
            f"{ADDED} for a crater without a row"
        )
    _check_unchanged(judged, rows)
    return rows


def _check_unchanged(judged: pd.DataFrame, rows: pd.DataFrame) -> None:
    """OrbitileError for the first row that was judged where it is not, and not said to be moved."""
    plain = judged[judged["verdict"] != MOVED]
    drawn = rows.loc[plain["id"]]
    off_deg = np.abs(wrap_longitude(plain["lon"].to_numpy(float) - drawn["lon"].to_numpy(float)))
    size = drawn["diameter_km"].to_numpy(float)
    is_off = (off_deg > TOLERANCES["lon"]) & (np.abs(drawn["lat"].to_numpy(float)) < 89)
    is_off |= np.abs(plain["lat"].to_numpy(float) - drawn["lat"].to_numpy(float)) > TOLERANCES["lat"]
    is_off |= np.abs(plain["diameter_km"].to_numpy(float) - size) > TOLERANCES["diameter_km"] * size
    if is_off.any():
        first = plain.iloc[int(np.argmax(is_off))]
        raise OrbitileError(
            f"{first[FILE]}: place or size is not that of row {first['id']} of the catalogue; put it back, or write "
            f"{MOVED} for a crater that lies there"
        )


def combine_judgements(judgements: pd.DataFrame, rows: pd.DataFrame, decides: str | None) -> pd.DataFrame:
    """One verdict for each judged row: columns verdict, lon, lat, diameter_km, reviewers, judgements, judged_at.

    It is indexed by id. Where reviewers disagree about whether it is a crater, the verdict of the one who decides
    counts, if that one judged it, else the row is unsure. Of several corrections of a crater the last counts.
    """
    judged = judgements[judgements["verdict"] != ADDED].sort_values("judged_at", kind="stable")
    combined = [
        _combined(group, rows.loc[[group["id"].iloc[0]]], decides) for _, group in judged.groupby("id", sort=True)
    ]
    columns = ["id", "verdict", *CIRCLE, "is_disputed", "reviewers", "judgements", "judged_at"]
    return pd.DataFrame(combined, columns=columns).set_index("id")


def _combined(group: pd.DataFrame, row: pd.DataFrame, decides: str | None) -> dict[str, Any]:
    """The verdict on a row, a frame of its own, by its judgements from the first to the last."""
    name = group["id"].iloc[0]
    is_disputed = group["verdict"].replace(MOVED, RIGHT).nunique() > 1
    counting = group[group["reviewer"] == decides] if is_disputed else group
    circle = {column: float(row[column].iloc[0]) for column in CIRCLE}
    if is_disputed and counting.empty:
        return dict(id=name, verdict=UNSURE, **circle, is_disputed=True, **attribution(group))
    moved = counting[counting["verdict"] == MOVED]
    if len(moved):
        circle = {column: float(moved.iloc[-1][column]) for column in CIRCLE}
    verdict = MOVED if len(moved) else str(counting.iloc[-1]["verdict"])
    return dict(id=name, verdict=verdict, **circle, is_disputed=is_disputed, **attribution(group))


def attribution(group: pd.DataFrame) -> dict[str, str]:
    """Who judged a crater, what each said and when, and when the last did, as texts."""
    times = [time.strftime("%Y-%m-%dT%H:%M:%SZ") for time in group["judged_at"]]
    said = [
        f"{row['reviewer']}: {row['verdict']}, {time}" + (f" ({row['note']})" if row["note"] else "")
        for row, time in zip(group.to_dict("records"), times, strict=True)
    ]
    return dict(reviewers="; ".join(sorted(set(group["reviewer"]))), judgements="; ".join(said), judged_at=max(times))


def still_match(verdicts: pd.DataFrame, rows: pd.DataFrame, iou_threshold: float, radius_m: float) -> np.ndarray:
    """Which judged rows (n, bool) overlap, by an IoU, what they were corrected to: the row detected that crater."""
    first, second = (circles_as_craters(frame) for frame in (verdicts, rows.loc[verdicts.index]))
    boxes, others, index = crater_boxes(first, radius_m), crater_boxes(second, radius_m), np.arange(len(verdicts))
    return paired_iou(boxes, index, others, index) >= iou_threshold


def is_detected(verdicts: pd.DataFrame, matches: np.ndarray) -> np.ndarray:
    """What each judged row is to the precision (n): RIGHT, FALSE or UNSURE.

    A row that was corrected to where it does not match itself any more is a false one; the crater was missed.
    """
    verdict = verdicts["verdict"].to_numpy(object)
    moved = verdict == MOVED
    return np.where(moved, np.where(matches, RIGHT, FALSE), verdict)


def agreement_figures(judgements: pd.DataFrame) -> list[dict[str, Any]]:
    """How well each two reviewers agree on the rows that both judged: their share, and Cohen's kappa.

    Corrected rows count as right. Kappa (Cohen 1960, Educational and Psychological Measurement 20, 37-46) is null where
    both gave all rows the same verdict, for then there is nothing to agree on beyond chance.
    """
    judged = judgements[judgements["verdict"] != ADDED]
    verdicts = judged.assign(verdict=judged["verdict"].replace(MOVED, RIGHT)).pivot(
        index="id", columns="reviewer", values="verdict"
    )
    figures = []
    for first, second in combinations(sorted(verdicts.columns), 2):
        shared = verdicts[[first, second]].dropna()
        if len(shared):
            figures.append(dict(reviewers=[first, second], **_agreement(*(shared[name] for name in (first, second)))))
    return figures


def _agreement(first: pd.Series, second: pd.Series) -> dict[str, Any]:
    words = sorted({*first, *second})
    shares = [np.array([(column == word).mean() for word in words]) for column in (first, second)]
    agreed, by_chance = int((first == second).sum()), float(shares[0] @ shares[1])
    share = agreed / len(first)
    kappa = round((share - by_chance) / (1 - by_chance), DIGITS) if len(words) > 1 else None
    return dict(rows=len(first), agreed=agreed, share=round(share, DIGITS), kappa=kappa)


def circles_as_craters(frame: pd.DataFrame) -> Craters:
    """Rows (n) with the columns CIRCLE as craters."""
    lon, lat, diameter_km = frame[list(CIRCLE)].to_numpy(float).T
    return Craters(lon, lat, diameter_km * 1000)
