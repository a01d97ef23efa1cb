"""The precision of a catalogue by judgements, where they are of the random sample of its rows."""

from typing import Any

import numpy as np
import pandas as pd

from orbitile.catalogue import Catalogue
from orbitile.review.figures import precision_figures
from orbitile.review.record import ReviewRecord
from orbitile.review.sampling import draw_rows
from orbitile.review.searched_ground import Unknown
from orbitile.review.verdicts import BLANK, Verdicts

LEAST_SHARE = 0.5
"""Of the rows up to the last that was judged: where fewer were, they are no beginning of the sample."""


def sample_precision(
    catalogue: Catalogue, is_detected: pd.Series, sample_rows: int, seed: int, confidence: float
) -> dict[str, Any] | Unknown:
    """The precision of the entire catalogue, for JSON (see orbitile.review.figures.precision_figures).

    `is_detected` says of judged rows, by id, whether they are RIGHT, FALSE or UNSURE. It is a figure of the catalogue
    where the first rows of the sample that the number of rows and the seed draw were judged, as far as every stratum;
    rows among them that were skipped count once as right and once as false, and those of no sample not at all.
    """
    if not len(catalogue):
        return Unknown("the catalogue has no rows")
    strata, rows = draw_rows(catalogue, sample_rows, seed)
    record = ReviewRecord.of(catalogue, seed, strata.strata, rows)
    verdict = rows["id"].map(is_detected).astype(object).fillna(BLANK).to_numpy(object)
    number = {stratum.stratum: index for index, stratum in enumerate(record.strata)}
    verdicts = Verdicts(verdict, np.array([number[name] for name in record.rows["stratum"]]), record)
    judged = int((verdict != BLANK).sum())
    if judged <= LEAST_SHARE * verdicts.last:
        return Unknown(
            f"{judged} of the first {verdicts.last} rows of the sample were judged: these are no sample of the "
            "catalogue; judge its rows in the order of their numbers"
        )
    if verdicts.last < verdicts.needed:
        return Unknown(
            f"the sample was judged up to number {verdicts.last}, which leaves out a stratum; judge it up to number "
            f"{verdicts.needed} at least"
        )
    return precision_figures(verdicts, confidence) | dict(seed=seed)
