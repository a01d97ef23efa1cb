"""Whether craters lie nearer to each other than at random: all of a range of diameters, and each by itself.

Fields of secondaries are clusters of craters of similar size. The tests compare with random fields of as many craters
on the same searched ground: for all craters of a range of diameters by mean distances to the first and second neighbour
(Michael et al. 2012, Icarus 218, 169-177: M2CND) and by Ripley's K (Ripley 1977); for each crater by the distance to
its k-th neighbour of similar size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import binom, false_discovery_control

from orbitile.counting.random_fields import Intensity
from orbitile.space.ground import angles_of_chords

CLASSES_PER_OCTAVE = 4
"""Of diameters: the neighbours of all craters of a class are looked for among the same ones."""
FEWEST_TESTED, MOST_TESTED = 10, 20_000
"""Craters of a range of diameters; of more a random part, whose K of Ripley's is the same."""
SPACINGS = np.array([0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0])
"""Radii at which Ripley's K is compared, in mean spacings: roots of the area per crater."""


class LocalClustering(NamedTuple):
    """Of each crater (n): the angle to its k-th neighbour (radians), how many neighbours were expected within it.

    `probability` is that of a k-th neighbour so near in a random field, `false_discovery` the least share of false ones
    at which the crater is flagged (Benjamini & Hochberg 1995). NaN where too few craters have similar sizes.
    """

    angle: np.ndarray
    expected: np.ndarray
    probability: np.ndarray
    false_discovery: np.ndarray


def local_clustering(
    points: np.ndarray, diameter_km: np.ndarray, intensity: Intensity, neighbours: int, size_factor: float
) -> LocalClustering:
    """Compare each crater (points: n unit vectors) with random fields of the craters up to so much smaller or larger.

    In a field of m more craters the k-th neighbour lies within an angle with the binomial probability of k or more of m
    in the cap of that angle, which holds a share of the expected craters that depends on the searched ground in it. So
    the probability is exact as far as that share is, at borders, too.
    """
    angle, others = _neighbour_angles(points, diameter_km, neighbours, size_factor)
    is_tested = np.isfinite(angle)
    share, probability = np.full((2, len(points)), np.nan)
    share[is_tested] = intensity.shares_of_caps(points[is_tested], angle[is_tested])
    probability[is_tested] = binom.sf(neighbours - 1, others[is_tested], share[is_tested])
    adjusted = np.full(len(points), np.nan)
    if is_tested.any():
        adjusted[is_tested] = false_discovery_control(probability[is_tested])
    return LocalClustering(angle, share * others, probability, adjusted)


def _neighbour_angles(
    points: np.ndarray, diameter_km: np.ndarray, neighbours: int, size_factor: float
) -> tuple[np.ndarray, np.ndarray]:
    """Angles (n) to the k-th neighbour of similar size, NaN if there is none; how many others (n) have such sizes."""
    angle, others = np.full(len(points), np.nan), np.zeros(len(points), np.int64)
    octave = np.floor(CLASSES_PER_OCTAVE * np.log2(diameter_km)).astype(np.int64)
    for number in np.unique(octave).tolist():
        least, most = 2.0 ** (np.array([number, number + 1]) / CLASSES_PER_OCTAVE)
        members = np.flatnonzero(octave == number)
        similar = np.flatnonzero((diameter_km >= least / size_factor) & (diameter_km < most * size_factor))
        similar = np.union1d(similar, members)
        others[members] = len(similar) - 1
        if len(similar) > neighbours:
            chord, _ = cKDTree(points[similar]).query(points[members], [neighbours + 1])  # the first is the crater
            angle[members] = angles_of_chords(chord[:, 0])
    return angle, others


class RandomnessTest(NamedTuple):
    """Of a statistic: its value over that of random fields, how many standard deviations it is off towards clusters.

    `clustered` and `ordered` are the probabilities of random fields at least as clustered, or as ordered.
    """

    ratio: float
    sigma: float
    clustered: float
    ordered: float


@dataclass(frozen=True, eq=False)
class FieldStatistics:
    """Of fields: mean angles to the first and second neighbour; pairs (fields, radii) as Ripley's K has them."""

    first: np.ndarray
    second: np.ndarray
    pairs: np.ndarray

    @classmethod
    def of(cls, fields: Sequence[np.ndarray], radii: np.ndarray) -> "FieldStatistics":
        """Of fields of points (m, 3: unit vectors), with pairs within radii (radians)."""
        rows = [_statistics(points, 2 * np.sin(np.minimum(radii, np.pi) / 2)) for points in fields]
        first, second, pairs = zip(*rows, strict=True)
        return cls(np.array(first), np.array(second), np.array(pairs, float))


def _statistics(points: np.ndarray, chords: np.ndarray) -> tuple[float, float, np.ndarray]:
    tree = cKDTree(points)
    nearest, _ = tree.query(points, [2, 3])
    first, second = angles_of_chords(nearest).mean(axis=0)
    return float(first), float(second), tree.count_neighbors(tree, chords) - len(points)


def randomness_tests(
    points: np.ndarray, intensity: Intensity, fields: int, random: np.random.Generator
) -> dict[str, RandomnessTest]:
    """Compare all of some craters (n >= FEWEST_TESTED unit vectors) with random fields, on the same ground.

    By Monte Carlo (Besag & Diggle 1977): at most a share p of random fields has a probability of p or less. Of Ripley's
    K the largest deviation over all radii counts, in standard deviations at each.
    """
    if len(points) > MOST_TESTED:
        points = points[random.choice(len(points), MOST_TESTED, replace=False)]
    radii = SPACINGS * np.sqrt(intensity.ground.area_km2 / len(points)) / intensity.ground.radius_km
    simulated = [intensity.random_field(len(points), random) for _ in range(fields)]
    statistics = FieldStatistics.of([points, *simulated], radii)
    scores = _scores(statistics.pairs)
    return dict(
        first_neighbour=_test(-statistics.first, statistics.first),
        second_neighbour=_test(-statistics.second, statistics.second),
        ripley_k=_two_sided(scores.max(axis=1), -scores.min(axis=1), statistics.pairs),
    )


def _scores(values: np.ndarray) -> np.ndarray:
    """Values (fields, radii) in standard deviations over all fields, the observed one among them."""
    spread = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)


def _test(tendency: np.ndarray, values: np.ndarray) -> RandomnessTest:
    """The test of the first of values, which become larger (tendency) with clusters."""
    spread = float(tendency[1:].std(ddof=1))
    sigma = float(tendency[0] - tendency[1:].mean()) / spread if spread else 0.0
    return RandomnessTest(float(values[0] / values[1:].mean()), sigma, exceedance(tendency), exceedance(-tendency))


def _two_sided(most: np.ndarray, least: np.ndarray, pairs: np.ndarray) -> RandomnessTest:
    mean = np.maximum(pairs[1:].mean(axis=0), 1e-9)
    widest = int(np.argmax(np.abs(_scores(pairs)[0])))
    test = _test(most, most)
    return RandomnessTest(float(pairs[0, widest] / mean[widest]), test.sigma, exceedance(most), exceedance(least))


def exceedance(values: np.ndarray) -> float:
    """The share of all values that are at least as large as the first: its probability by Monte Carlo."""
    return float((values >= values[0]).mean())
