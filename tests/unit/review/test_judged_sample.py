"""The precision by judgements is that of `review judge` where they are of the sample, and unknown elsewhere."""

import pandas as pd
import pytest
from judgements import judged_catalogue
from reviewed_catalogues import judge_rows_of

from orbitile.review.draw import draw_review
from orbitile.review.figures import judge_review
from orbitile.review.judged_sample import sample_precision
from orbitile.review.sampling import draw_rows
from orbitile.review.searched_ground import Unknown


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return judged_catalogue(tmp_path_factory.mktemp("run"), 300)


@pytest.fixture(scope="module")
def sample(catalogue):
    return draw_rows(catalogue, 80, 3)[1]


def verdicts(sample, numbers, word="right"):
    """Judged rows of the sample by number; each fifth is false."""
    rows = sample[sample["number"].isin(numbers)]
    words = ["false" if number % 5 == 0 else word for number in rows["number"]]
    return pd.Series(words, index=rows["id"], dtype=object)


def test_it_is_what_the_sheet_of_a_review_gives(catalogue, sample, tmp_path):
    draw_review(catalogue.manifest, tmp_path / "review", 80, 3)
    judge_rows_of(tmp_path / "review", lambda row: ("no" if int(row["number"]) % 5 == 0 else "yes")
                  if int(row["number"]) <= 60 and row["number"] != "7" else "")  # fmt: skip
    expected = judge_review(tmp_path / "review", 0.95)
    judged = sample_precision(catalogue, verdicts(sample, {*range(1, 61)} - {7}), 80, 3, 0.95)
    assert judged == expected | dict(seed=3)
    assert judged["verdicts"]["skipped"] == 1 and judged["judged"] == 60


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ([70, 75, 80], "3 of the first 80 rows of the sample were judged: these are no sample"),
        ([1, 2], "the sample was judged up to number 2, which leaves out a stratum; judge it up to number "),
        ([], "0 of the first 0 rows"),
    ],
)
def test_other_rows_are_no_sample(catalogue, sample, numbers, reason):
    figures = sample_precision(catalogue, verdicts(sample, numbers), 80, 3, 0.95)
    assert isinstance(figures, Unknown) and reason in figures.reason


def test_another_seed_is_another_sample(catalogue, sample):
    assert isinstance(sample_precision(catalogue, verdicts(sample, range(1, 21)), 80, 4, 0.95), Unknown)
