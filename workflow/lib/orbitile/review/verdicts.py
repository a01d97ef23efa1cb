"""Verdicts about the rows of a review, read strictly from the sheet that a person filled in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shorten_names
from orbitile.review.estimate import JudgedStrata
from orbitile.review.record import SHEET, ReviewRecord
from orbitile.tables.user_tables import UserTable, is_empty_cell, read_text_table

RIGHT, FALSE, UNSURE, BLANK = "right", "false", "unsure", "blank"
WORDS = (
    dict.fromkeys(("yes", "y", "true", "1"), RIGHT)
    | dict.fromkeys(("no", "n", "false", "0"), FALSE)
    | dict.fromkeys(("unsure", "?"), UNSURE)
)
"""What verdicts may be, in small letters."""
TOLERANCES = dict(lon=1e-3, lat=1e-3, diameter_km=1e-3, score=2e-3)
"""How far a spreadsheet may round numbers; diameters relative to themselves."""


@dataclass(frozen=True)
class Verdicts:
    """Verdicts (n), RIGHT, FALSE, UNSURE or BLANK, and indices (n) of strata, by the order of numbers."""

    verdict: np.ndarray
    stratum: np.ndarray
    record: ReviewRecord

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Those of a review's folder.

        OrbitileError with file and line for a word that is no verdict, a row that is missing, repeated, changed or of
        another review, and where no row of a stratum was judged.
        """
        record = ReviewRecord.read(folder)
        record.check_catalogue()
        table = read_text_table(folder / SHEET)
        order, verdict = _row_order(table, record), _parsed(table)
        index = {stratum.stratum: index for index, stratum in enumerate(record.strata)}
        verdicts = cls(verdict[order], np.array([index[number] for number in record.rows["stratum"]]), record)
        verdicts._check_strata(folder / SHEET)
        return verdicts

    @property
    def last(self) -> int:
        """The number of the last row that was judged; 0 without any.

        Rows were numbered by chance, so that those up to it are a random sample; the ones behind it do not count.
        """
        judged = np.flatnonzero(self.verdict != BLANK)
        return int(judged[-1]) + 1 if len(judged) else 0

    def counts(self) -> dict[str, int]:
        """How many of the rows that count have which verdict; blank ones among them were skipped."""
        names = {RIGHT: RIGHT, FALSE: FALSE, UNSURE: UNSURE, "skipped": BLANK}
        return {name: int((self.verdict[: self.last] == word).sum()) for name, word in names.items()}

    def strata(self, unsure_is_right: bool) -> JudgedStrata:
        """The record's strata as judged, where unsure and skipped rows are all right, or all false."""
        verdict, stratum = self.verdict[: self.last], self.stratum[: self.last]
        false = verdict == FALSE if unsure_is_right else verdict != RIGHT
        rows = np.array([stratum.rows for stratum in self.record.strata])
        judged, wrong = (np.bincount(members, minlength=len(rows)) for members in (stratum, stratum[false]))
        return JudgedStrata(rows, judged, wrong)

    @property
    def needed(self) -> int:
        """The number of the row up to which every stratum has at least one."""
        return max(int(np.argmax(self.stratum == index)) + 1 for index in range(len(self.record.strata)))

    def _check_strata(self, path: Path) -> None:
        """OrbitileError where no row of a stratum was judged."""
        if self.needed > self.last:
            until = f"only up to number {self.last}" if self.last else "nowhere yet"
            raise OrbitileError(
                f"{path}: verdicts stand {until}, which leaves out a stratum; judge rows up to number {self.needed} at "
                "least, in the order of numbers"
            )


def _parsed(table: UserTable) -> np.ndarray:
    """The verdicts (n) of a table; OrbitileError for the first word that is none."""
    texts = [text.lower() for text in table.texts("verdict")]
    table.refuse(
        np.array([not is_empty_cell(text) and text not in WORDS for text in texts], bool), "verdict",
        "; write yes, no or unsure (or y, n, ?), or leave it empty",
    )  # fmt: skip
    return np.array([WORDS.get(text, BLANK) for text in texts], object)


def _row_order(table: UserTable, record: ReviewRecord) -> np.ndarray:
    """The indices (n) of a table's rows by the order of numbers; OrbitileError where they are not the record's rows."""
    for name in ("number", "verdict", *TOLERANCES):
        if name not in table.columns:
            raise OrbitileError(f"{table.path}: column {name} is missing; put it back, or draw the review again")
    numbers, drawn = table.numeric(["number"])[0], record.rows["number"].to_numpy(float)
    is_foreign = ~np.isin(numbers, drawn)
    table.refuse(is_foreign, "number", f", but numbers of this review are 1 to {len(drawn)}; remove the row")
    order = np.argsort(numbers, kind="stable")
    is_repeated = np.zeros(len(numbers), bool)
    is_repeated[order[1:]] = np.diff(numbers[order]) == 0
    table.refuse(is_repeated, "number", ", as in an earlier row; keep each row once")
    missing = np.setdiff1d(drawn, numbers).astype(int).tolist()
    if missing:
        names = shorten_names(map(str, missing))
        raise OrbitileError(f"{table.path}: rows are missing: number {names}; put them back, without a verdict if need "
                            "be")  # fmt: skip
    _check_unchanged(table, record, order)
    return order


def _check_unchanged(table: UserTable, record: ReviewRecord, order: np.ndarray) -> None:
    """OrbitileError for the first row whose place, size or score is not what was drawn."""
    for (name, tolerance), values in zip(TOLERANCES.items(), table.numeric(list(TOLERANCES)), strict=True):
        drawn = np.empty(len(values))
        drawn[order] = record.rows[name].to_numpy()
        is_changed = np.abs(values - drawn) > (tolerance * drawn if name == "diameter_km" else tolerance)
        first = float(drawn[np.argmax(is_changed)])
        table.refuse(is_changed, name, f", where {first:g} was drawn; put it back, or is it another review's sheet?")
