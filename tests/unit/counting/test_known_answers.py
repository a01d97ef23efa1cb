"""Populations drawn at a known age come back, and do not where nothing is corrected."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
from planted_craters import (
    BOX,
    LEAST_KM,
    MOST_KM,
    FaultyNetwork,
    area,
    cumulative_density,
    drawn_population,
    searched_box,
    seen_by,
)  # fmt: skip

from orbitile.counting.count_craters import CountingMethod, count_in_area
from orbitile.counting.resampled_counts import resampled_counts
from orbitile.counting.searched_ground import DiameterRange
from orbitile.counting.size_frequency import SizeFrequency

AGE_GA = 3.4
CASES = 1000
FROM_KM = np.array([1.0, 1.5, 2.5])
NETWORK = FaultyNetwork()
AREA = area(shapely.segmentize(shapely.box(*BOX), 0.5))


@pytest.fixture(scope="module")
def counted():
    """The craters of the area that the network detects, and its ground."""
    random = np.random.default_rng(0)
    detected = seen_by(NETWORK, random, drawn_population(random, AGE_GA), AGE_GA)
    return count_in_area(AREA, detected, searched_box(), CountingMethod())


@pytest.fixture(scope="module")
def cases(counted):
    """Counts of the same surface again and again, by a network that misses craters and sees false ones."""
    random, count, detections = np.random.default_rng(1), counted.count, []
    for _ in range(CASES):
        detections.append(seen_by(NETWORK, random, drawn_population(random, AGE_GA), AGE_GA))
    return [
        replace(count, **d._asdict(), weight=np.ones(len(d.lon)), area_km2=np.full(len(d.lon), count.searched_km2))
        for d in detections
    ]


def within_errors(counts):
    """The share of counts whose cumulative densities from each of FROM_KM on are off by less than two sigmas."""
    expected = cumulative_density(FROM_KM, AGE_GA) - cumulative_density(MOST_KM, AGE_GA)
    frequencies = [SizeFrequency.of(count, "pseudo_log", LEAST_KM) for count in counts]
    rows = [[int(np.argmin(np.abs(f.from_km - size))) for size in FROM_KM] for f in frequencies]
    off = [(f.cumulative[at] - expected) / f.cumulative_error[at] for f, at in zip(frequencies, rows, strict=True)]
    return (np.abs(off) < 2).mean(axis=0)


def test_frequencies_come_back_within_their_errors_in_19_of_20_cases(cases):
    counts = [replace(c, weight=NETWORK.correction.weights(c.diameter_km)) for c in cases]
    assert within_errors(counts).mean() >= 0.945
    assert within_errors(counts).min() >= 0.93


@pytest.mark.parametrize("is_weighted", [True, False])
def test_uncorrected_ones_do_not(cases, is_weighted):
    """Neither with probabilities but without the completeness, nor with neither."""
    counts = [count if is_weighted else replace(count, probability=np.ones(len(count))) for count in cases]
    assert within_errors(counts)[0] < 0.1
    assert within_errors(counts)[:2].max() < 0.8


def test_draws_spread_around_the_count_by_the_errors_of_the_network_alone(counted):
    weighted = replace(counted.count, weight=NETWORK.correction.weights(counted.count.diameter_km))
    expected = float((weighted.weight * weighted.probability).sum())
    drawn = [
        float(count.weight.sum())
        for _, count in resampled_counts(
            counted, NETWORK.correction, DiameterRange(LEAST_KM, MOST_KM), 0.0, 300, seed=1
        )
    ]
    variance = float((weighted.weight**2 * weighted.probability * (1 - weighted.probability)).sum())
    assert np.mean(drawn) == pytest.approx(expected, abs=4 * np.sqrt(variance / 300))
    assert np.std(drawn) == pytest.approx(np.sqrt(variance), rel=0.15)
