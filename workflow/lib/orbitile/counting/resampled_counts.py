"""The count of an area drawn again and again: detections that may be false, diameters that may be off."""

import zlib
from collections.abc import Iterator

import numpy as np

from orbitile.counting.area_count import AreaCount
from orbitile.counting.completeness_correction import CompletenessCorrection
from orbitile.counting.count_craters import Counted
from orbitile.counting.searched_ground import DiameterRange


def resampled_counts(
    counted: Counted, correction: CompletenessCorrection, counted_range: DiameterRange, size_error: float,
    draws: int, seed: int,
) -> Iterator[tuple[np.ndarray, AreaCount]]:  # fmt: skip
    """The rows (m) of each draw, and the count that they make: craters in the range of diameters that is counted.

    Each crater is drawn with its probability of being true, and its diameter from a log-normal distribution with a
    standard deviation of `size_error` of the natural logarithm: what the network may have got wrong, not what another
    piece of ground would show (that is Poisson's error). Craters just below the range may be drawn into it. The draws
    of an area are the same whatever other areas there are.
    """
    count = counted.count
    for number in range(draws):
        random = np.random.default_rng([seed, zlib.crc32(count.name.encode()), number])
        is_true = random.random(len(count)) < count.probability
        diameter_km = count.diameter_km * np.exp(size_error * random.standard_normal(len(count)))
        area_km2 = counted.areas_km2(diameter_km)
        is_in = is_true & (area_km2 > 0)
        is_in &= (diameter_km >= counted_range.least_km) & (diameter_km <= counted_range.most_km)
        rows = np.flatnonzero(is_in)
        drawn = diameter_km[rows]
        yield rows, AreaCount(
            count.name, count.shape, count.searched_km2, count.lon[rows], count.lat[rows], drawn,
            correction.weights(drawn), area_km2[rows], np.ones(len(rows)),
        )  # fmt: skip
