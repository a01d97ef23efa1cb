"""What two experts both lack: literal counts, exact limits, simulated experts."""

import json
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from orbitile.__main__ import main
from orbitile.base.errors import OrbitileError
from orbitile.review.capture_recapture import Comparison, DoubleCount, MarkedCraters, compare_tables, comparison_text
from orbitile.space.bodies import find_body
from orbitile.tables.craters import Craters

MOON = find_body("Moon")
TAIL = (1 - 0.95) / 2


@pytest.mark.parametrize(
    ("counts", "total", "interval"),
    [
        ((100, 20, 30), 121 * 131 / 101 - 1, (151, 164)),
        ((10, 0, 2), 12, (12, 14)),
        ((0, 3, 4), 19, (7, None)),
        ((1, 0, 0), 1, (1, 39)),
    ],
)
def test_counts(counts, total, interval):
    count = DoubleCount(*counts)
    assert count.total == pytest.approx(total)
    assert count.interval() == interval


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 15), st.integers(0, 15), st.integers(0, 15))
def test_limits_are_those_of_the_hypergeometric_distribution(matched, only_first, only_second):
    count = DoubleCount(matched, only_first, only_second)
    low, high = count.interval()
    totals = np.arange(count.seen, 3 * high + 60)
    first, second = matched + only_first, matched + only_second
    allowed = totals[
        (hypergeom.cdf(matched, totals, first, second) > TAIL)
        & (hypergeom.sf(matched - 1, totals, first, second) > TAIL)
    ]
    assert low == allowed.min() and high == allowed.max()


def test_intervals_hold_the_true_number():
    """60 pairs of independent experts who mark 80 and 60 % of 300 craters."""
    random, holds = np.random.default_rng(0), 0
    for _ in range(60):
        first, second = (random.random(300) < share for share in (0.8, 0.6))
        both = int((first & second).sum())
        low, high = DoubleCount(both, int(first.sum()) - both, int(second.sum()) - both).interval()
        holds += low <= 300 <= high
    assert holds >= 54


def test_more_craters_than_the_distribution_can_count():
    low, high = DoubleCount(1, 100_000, 100_000).interval()
    assert 1e9 < low < 1e10 / 5 < high < 1e12


def craters(lon, diameter_km):
    return Craters(np.array(lon, float), np.zeros(len(lon)), 1000 * np.array(diameter_km, float))


def test_matches_are_one_to_one_and_have_the_mean_diameter():
    """At 1 degree both, at 2 the first alone, at 3 two craters of the second on the same one of the first."""
    first = craters([1, 2, 3], [10, 10, 10])
    second = craters([1.01, 3, 3.02, 5], [12.1, 10, 10, 3])
    marked = MarkedCraters.of(first, second, 0.3, MOON.radius_m)
    assert sorted(marked.diameter_km.tolist()) == pytest.approx([3, 10, 10, 10, 11])
    assert marked.between(0, np.inf) == DoubleCount(2, 1, 2)
    assert marked.between(10.5, 12) == DoubleCount(1, 0, 0)
    assert marked.between(2, 4) == DoubleCount(0, 0, 1)


def write(path, lon, diameter_km):
    lines = [f"{x},0,{d}" for x, d in zip(lon, diameter_km, strict=True)]
    path.write_text("\n".join(["lon,lat,diameter_km", *lines]) + "\n")
    return str(path)


@pytest.fixture
def tables(tmp_path):
    lon = np.arange(100)
    first = write(tmp_path / "first.csv", lon[:80], np.where(lon[:80] % 2, 3, 10))
    second = write(tmp_path / "second.csv", lon[20:], np.where(lon[20:] % 2, 3, 10))
    return first, second


def test_tables(tables):
    figures = compare_tables(*tables, MOON, Comparison())
    assert [figures[name] for name in ("matched", "only_first", "only_second")] == [60, 20, 20]
    assert figures["total"]["value"] == round(81**2 / 61 - 1, 1)
    assert figures["both_lack"]["value"] == pytest.approx(figures["total"]["value"] - 100)
    assert figures["completeness_first"]["value"] == pytest.approx(80 / (81**2 / 61 - 1), abs=1e-4)
    assert [each["diameter_km"] for each in figures["by_diameter_km"]] == [[2, 4], [8, 16]]
    large = compare_tables(*tables, MOON, Comparison(min_diameter_km=5))
    assert large["matched"] == 30 and [each["diameter_km"] for each in large["by_diameter_km"]] == [[8, 16]]


def test_the_command(tables, tmp_path, monkeypatch, capsys):
    out = tmp_path / "compared.json"
    monkeypatch.setattr(sys, "argv", ["orbitile", "review", "compare", *tables, "--body", "Moon", "--out", str(out)])
    assert main() == 0
    assert "60 craters are in both tables" in capsys.readouterr().out
    assert json.loads(out.read_text())["matched"] == 60


def test_without_a_match_nothing_is_said(tmp_path):
    first = write(tmp_path / "first.csv", [1, 2], [5, 5])
    second = write(tmp_path / "second.csv", [80, 90], [5, 5])
    figures = compare_tables(first, second, MOON, Comparison())
    assert figures["both_lack"]["high"] is None
    *counts, last = comparison_text(figures).splitlines()
    assert len(counts) == 1 and counts[0].startswith("0 craters are in both tables, ")
    assert last == "Without a match nothing can be said; do both tables cover the same ground?"


@pytest.mark.parametrize(
    ("comparison", "message"),
    [
        (Comparison(iou_threshold=0), "--iou 0: give a number between 0 and 1"),
        (Comparison(min_diameter_km=-1), "--min-diameter-km -1: give a diameter"),
        (Comparison(min_diameter_km=50), "no crater reaches 50 km; lower --min-diameter-km"),
    ],
)
def test_refusals(tables, comparison, message):
    with pytest.raises(OrbitileError, match=message):
        compare_tables(*tables, MOON, comparison)


def test_tables_without_craters(tables, tmp_path):
    empty = write(tmp_path / "empty.csv", [], [])
    with pytest.raises(OrbitileError, match=r"empty\.csv: has no craters"):
        compare_tables(tables[0], empty, MOON, Comparison())
    with pytest.raises(OrbitileError, match="no crater table at"):
        compare_tables(tables[0], "nowhere.csv", MOON, Comparison())
