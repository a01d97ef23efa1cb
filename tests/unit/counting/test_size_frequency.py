import csv
import io

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orbitile.counting.area_count import AreaCount
from orbitile.counting.size_frequency import SizeFrequency, bin_limits

BINNINGS = ["pseudo_log", "10_per_decade", "20_per_decade", "root_2", "fourth_root_2"]


def count(diameter_km, area_km2=100.0, weight=1.0, probability=1.0):
    size = np.asarray(diameter_km, float)
    columns = (
        np.broadcast_to(np.asarray(value, float), size.shape) for value in (0, 0, size, weight, area_km2, probability)
    )
    return AreaCount("a", shapely.box(0, 0, 1, 1), 100.0, *columns)


@pytest.mark.parametrize(
    ("binning", "sizes", "limits"),
    [
        ("pseudo_log", [1.0, 1.55], [1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.7]),
        ("pseudo_log", [0.95, 1.0], [0.9, 1, 1.1]),
        ("pseudo_log", [9.5], [9, 10]),
        ("pseudo_log", [0.09], [0.09, 0.1]),
        ("root_2", [1.0, 3.0], [1, 2**0.5, 2, 2**1.5, 4]),
        ("root_2", [0.6], [0.5, 0.5**0.5]),
        ("10_per_decade", [1.0], [1, 10**0.1]),
        ("fourth_root_2", [1.9], [2**0.75, 2]),
        ("root_2", [], [0]),
    ],
)  # fmt: skip
def test_limits_of_bins(binning, sizes, limits):
    assert bin_limits(binning, np.array(sizes)) == pytest.approx(limits)


@given(st.sampled_from(BINNINGS), arrays(float, st.integers(1, 30), elements=st.floats(1e-3, 1e3)))
def test_every_crater_lies_in_a_bin_and_the_outer_bins_are_not_empty(binning, sizes):
    limits = bin_limits(binning, sizes)
    assert limits[0] <= sizes.min() < limits[1] and limits[-2] <= sizes.max() < limits[-1]
    frequency = SizeFrequency.of(count(sizes), binning)
    assert frequency.craters.sum() == len(sizes)
    assert frequency.cumulative[0] == pytest.approx(len(sizes) / 100)


def test_frequencies_of_a_few_craters_by_hand():
    """Bins of 1 to 1.41 km and of 2 to 2.83 km, on 100 km2."""
    frequency = SizeFrequency.of(count([1.0, 1.2, 1.3, 2.1]), "root_2")
    assert frequency.craters.tolist() == [3, 0, 1]
    assert frequency.mean_km == pytest.approx([2**0.25, 2**0.75, 2**1.25])
    assert frequency.cumulative == pytest.approx([0.04, 0.01, 0.01])
    assert frequency.cumulative_error == pytest.approx([0.02, 0.01, 0.01])
    width = 2**0.5 - 1
    assert frequency.differential[0] == pytest.approx(0.03 / width)
    assert frequency.differential_error[0] == pytest.approx(3**0.5 / 100 / width)
    assert frequency.relative[0] == pytest.approx(2**0.75 * 0.03 / width)
    assert frequency.hartmann == pytest.approx([0.03, 0, 0.01])


def test_hartmanns_frequencies_are_those_of_bins_of_root_2_whatever_the_bins():
    sizes = np.exp(np.random.default_rng(0).uniform(0, np.log(2), 100_000))
    for binning in BINNINGS:
        inner = SizeFrequency.of(count(sizes), binning).hartmann[:2]
        assert inner == pytest.approx(np.full(2, 500.0), rel=0.03), binning


def test_weights_probabilities_and_areas_of_their_own():
    frequency = SizeFrequency.of(count([1.0, 1.1], [100, 50], [2, 1], [0.5, 0.8]), "root_2")
    assert frequency.expected == pytest.approx([1.8])
    assert frequency.cumulative == pytest.approx([1 / 100 + 0.8 / 50])
    assert frequency.cumulative_error == pytest.approx([np.hypot(1 / 100, 0.8 / 50)])


def test_craters_on_no_ground_do_not_count():
    assert SizeFrequency.of(count([1.0, 90.0], [100, 0]), "root_2").craters.tolist() == [1]


def test_without_bins_every_crater_is_a_row():
    frequency = SizeFrequency.of(count([3.0, 1.0, 2.0]), "none", least_km=2.0)
    assert frequency.from_km.tolist() == [1, 2, 3] and frequency.cumulative == pytest.approx([0.03, 0.02, 0.01])
    assert np.isnan(frequency.differential).all() and np.isnan(frequency.hartmann_error).all()
    assert frequency.counted.tolist() == [False, True, True]


def test_bins_that_reach_below_the_first_diameter_are_not_counted():
    assert SizeFrequency.of(count([1.0, 2.0, 4.0]), "root_2", 1.9).counted.tolist() == [False, False, True, True, True]
    assert SizeFrequency.of(count([2.0]), "root_2", 2.0).counted.tolist() == [True]


@pytest.mark.parametrize("binning", [*BINNINGS, "none"])
def test_no_crater_has_no_frequencies(binning):
    frequency = SizeFrequency.of(count([]), binning)
    assert len(frequency) == 0 and frequency.csv_text().count("\n") == 1


def test_the_table_holds_every_number():
    frequency = SizeFrequency.of(count([1.0, 2.1]), "root_2")
    rows = list(csv.DictReader(io.StringIO(frequency.csv_text())))
    assert list(rows[0]) == list(vars(frequency))
    assert float(rows[2]["relative"]) == pytest.approx(frequency.relative[2], rel=1e-8)
    assert rows[0]["counted"] == "true"
    assert next(csv.DictReader(io.StringIO(SizeFrequency.of(count([1.0]), "none").csv_text())))["relative"] == ""
