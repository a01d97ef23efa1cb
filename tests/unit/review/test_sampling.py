"""Strata and samples: the same whatever the parts, as random as they should be."""

from itertools import chain

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reviewed_catalogues import made_up_rows, write_reviewed_catalogue

import orbitile.catalogue
from orbitile.base.errors import OrbitileError
from orbitile.review.sampling import draw_rows
from orbitile.review.strata import RowCounts, Stratification, allocate, class_counts, classes_by_diameter

ROWS = 3000


@pytest.fixture(scope="module")
def rows():
    return made_up_rows(ROWS)


@pytest.fixture(scope="module")
def catalogue(rows, tmp_path_factory):
    return orbitile.catalogue.open(write_reviewed_catalogue(tmp_path_factory.mktemp("one"), rows))


def drawn_from(catalogue, sample_rows=200, seed=0):
    return draw_rows(catalogue, sample_rows, seed)


@pytest.mark.parametrize("parts", [2, 7])
def test_the_sample_does_not_hang_on_the_parts(rows, catalogue, tmp_path, parts):
    random = np.random.default_rng(parts)
    shuffled = rows.sample(frac=1, random_state=parts)
    other = orbitile.catalogue.open(
        write_reviewed_catalogue(tmp_path, shuffled, random.integers(0, parts, len(shuffled)))
    )
    (strata, sample), (other_strata, other_sample) = drawn_from(catalogue), drawn_from(other)
    assert strata == other_strata
    pd.testing.assert_frame_equal(sample, other_sample)


def test_every_row_is_drawn_at_most_once_and_lies_in_its_stratum(catalogue):
    strata, sample = drawn_from(catalogue)
    assert len(sample) == 200 == len(sample[["lon", "lat"]].drop_duplicates())
    assert sample["number"].tolist() == list(range(1, 201))
    assert sum(stratum.rows for stratum in strata.strata) == ROWS
    for stratum in strata.strata:
        members = sample[sample["stratum"] == stratum.stratum]
        assert len(members) == stratum.drawn >= 2
        assert members["score"].between(*stratum.score).all()
        assert members["diameter_km"].between(*stratum.diameter_km).all()


def test_seeds_draw_other_rows(catalogue):
    first, second = (set(drawn_from(catalogue, seed=seed)[1]["lon"]) for seed in (0, 1))
    assert len(first & second) < 40


def test_all_rows_of_a_stratum_are_as_likely(catalogue, rows):
    """Over 25 seeds, rows are drawn as often as a fair draw would; the spread is that of chance."""
    times = dict.fromkeys(rows["lon"], 0)
    for seed in range(25):
        strata, sample = drawn_from(catalogue, 120, seed)
        for lon in sample["lon"]:
            times[lon] += 1
    index = strata.index(rows["diameter_km"].to_numpy(), rows["score"].to_numpy(float))
    expected = np.array([25 * s.drawn / s.rows for s in strata.strata])[index]
    drawn = rows["lon"].map(times).to_numpy()
    assert drawn.sum() == 25 * 120
    chi2 = ((drawn - expected) ** 2 / expected).sum()
    assert abs(chi2 / len(rows) - 1) < 0.12


def test_the_first_numbers_have_their_share_of_every_stratum(catalogue):
    strata, sample = drawn_from(catalogue)
    half = sample[sample["number"] <= 100].groupby("stratum").size()
    assert all(abs(half[s.stratum] - s.drawn / 2) <= 1 for s in strata.strata)
    assert abs(np.corrcoef(sample["number"], sample["score"])[0, 1]) < 0.15


def test_a_sample_of_everything(tmp_path):
    small = made_up_rows(30)
    catalogue = orbitile.catalogue.open(write_reviewed_catalogue(tmp_path, small))
    strata, sample = drawn_from(catalogue, 200)
    assert sorted(sample["lon"]) == sorted(small["lon"])
    assert all(stratum.drawn == stratum.rows for stratum in strata.strata)


def test_refusals(tmp_path, catalogue):
    empty = orbitile.catalogue.open(write_reviewed_catalogue(tmp_path, made_up_rows(1)[:0]))
    with pytest.raises(OrbitileError, match=r"craters\.json: the catalogue has no rows to review"):
        drawn_from(empty)
    with pytest.raises(OrbitileError, match="--rows 9: say at least 10"):
        drawn_from(catalogue, 9)


@pytest.mark.parametrize(
    ("sample_rows", "classes"), [(10, (1, 1)), (40, (1, 4)), (80, (2, 4)), (200, (3, 4)), (9999, (3, 4))]
)
def test_numbers_of_classes(sample_rows, classes):
    assert class_counts(sample_rows) == classes


def counts_of(diameter_km, score):
    counts = RowCounts()
    columns = dict(diameter_km=diameter_km, score=score, probability=[None] * len(score))
    schema = {"diameter_km": "float64", "score": "float32", "probability": "float32"}
    counts.feed(pa.RecordBatch.from_pandas(pd.DataFrame(columns).astype(schema)))
    return counts


def test_rows_that_are_all_alike_are_one_stratum():
    (stratum,) = Stratification.of(counts_of([5.0] * 50, [0.5] * 50), 200).strata
    assert (stratum.diameter_km, stratum.score, stratum.rows, stratum.drawn) == ((5.0, 5.1), (0.5, 0.501), 50, 50)
    assert stratum.probability is None


def test_rows_beyond_all_limits_have_a_stratum():
    strata = Stratification.of(counts_of([1e-12, 5, 1e7] * 20, [0.0, 0.5, 1.0] * 20), 200)
    assert sum(stratum.rows for stratum in strata.strata) == 60
    assert set(strata.index(np.array([1e-12, 5, 1e7]), np.array([0.0, 0.5, 1.0]))) == {0, 1, 2}


def test_limits_of_classes_divide_the_rows(catalogue):
    strata = drawn_from(catalogue)[0].strata
    classes = classes_by_diameter(strata)
    assert len(classes) == 3 and sorted(chain(*classes.values())) == list(range(len(strata)))
    shares = [sum(strata[index].rows for index in members) / ROWS for members in classes.values()]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.06)


@pytest.mark.parametrize(
    ("rows", "probability", "sample_rows", "drawn"),
    [
        ([600, 300, 100], [None] * 3, 100, [60, 30, 10]),
        ([500, 500], [0.5, 1.0], 100, [75, 25]),
        ([500, 500], [1.0, 1.0], 100, [50, 50]),
        ([1000, 2, 1], [None] * 3, 100, [97, 2, 1]),
        ([5, 5], [None] * 2, 100, [5, 5]),
        ([10, 1000], [0.5, 0.99], 100, [3, 97]),
    ],
)
def test_allocation(rows, probability, sample_rows, drawn):
    assert allocate(rows, probability, sample_rows).tolist() == drawn


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(1, 5000), st.none() | st.floats(0, 1)), min_size=1, max_size=12),
    st.integers(24, 500),
)
def test_any_allocation(strata, sample_rows):
    rows, probability = zip(*strata, strict=True)
    drawn = allocate(rows, probability, sample_rows)
    assert drawn.sum() == min(sample_rows, sum(rows))
    assert (drawn <= rows).all() and (drawn >= np.minimum(rows, 2)).all()
