"""Random fields are called clustered as often as the probability says; planted clusters are found."""

import numpy as np
import pytest
import shapely

from orbitile.counting.clustering import local_clustering, randomness_tests
from orbitile.counting.density_kernel import SphereKernel
from orbitile.counting.ground_plane import GroundPlane
from orbitile.counting.random_fields import Intensity
from orbitile.space.bodies import find_body
from orbitile.space.ground import angles_between, lonlat_of_points, unit_vectors

MOON = find_body("Moon")
CUT = shapely.box(-180, -10, -175, 10).difference(shapely.box(-179, -3, -177, 3))
GROUND = GroundPlane.of([shapely.box(170, -10, 180, 10), CUT], MOON)
"""Over 180 degrees, with a hole, so that a good part of it is near a border."""
INTENSITY = Intensity(GROUND)


def drawn_diameters(count, random):
    return np.minimum(2 * random.random(count) ** -0.5, 100)


def tight_cluster(count, lon, lat, radius_deg, random):
    angle, away = random.uniform(0, 2 * np.pi, count), radius_deg * np.sqrt(random.random(count))
    return unit_vectors(lon + away * np.cos(angle), lat + away * np.sin(angle))


def test_probabilities_of_random_fields_are_even():
    """At borders, too: of all craters of 60 fields p is at most alpha in a share alpha."""
    random = np.random.default_rng(0)
    results = [local_clustering(INTENSITY.random_field(400, random), drawn_diameters(400, random), INTENSITY, 5, 2.0)
               for _ in range(60)]  # fmt: skip
    probability = np.concatenate([result.probability for result in results])
    probability = probability[np.isfinite(probability)]
    for alpha, spread in ((0.01, 0.003), (0.05, 0.008), (0.2, 0.02), (0.5, 0.03), (0.9, 0.02)):
        assert (probability <= alpha).mean() == pytest.approx(alpha, abs=spread)
    any_flag = [np.nanmin(result.false_discovery) <= 0.05 for result in results]
    assert sum(any_flag) <= 6  # of 60, 3 are expected at most


def test_tests_as_a_whole_have_the_nominal_false_alarm_rate():
    random = np.random.default_rng(1)
    alarms = np.zeros(3)
    for _ in range(100):
        tests = randomness_tests(INTENSITY.random_field(60, random), INTENSITY, 39, random)
        alarms += [test.clustered <= 0.05 for test in tests.values()]
    assert (alarms <= 11).all()  # 5 are expected, with a standard deviation of 2.2


def field_with_cluster(random):
    """400 craters of a random field, and 25 within 0.6 degrees after them."""
    points = np.concatenate([INTENSITY.random_field(400, random), tight_cluster(25, 174, 4, 0.6, random)])
    return points, np.concatenate([drawn_diameters(400, random), random.uniform(2, 3.5, 25)])


def test_a_planted_cluster_is_found_and_the_share_of_false_flags_is_kept():
    random, false_shares, members = np.random.default_rng(2), [], []
    for _ in range(30):
        points, diameters = field_with_cluster(random)
        flagged = local_clustering(points, diameters, INTENSITY, 5, 2.0).false_discovery <= 0.05
        away = np.degrees(angles_between(points, unit_vectors(np.array(174.0), np.array(4.0))))
        false_shares.append((flagged & (away > 1.8)).sum() / max(flagged.sum(), 1))
        members.append(flagged[400:].sum())
    assert np.mean(members) > 23 and min(members) > 15
    assert np.mean(false_shares) <= 0.06


def test_a_planted_cluster_shows_in_the_tests_as_a_whole():
    random = np.random.default_rng(2)
    points, diameters = field_with_cluster(random)
    tests = randomness_tests(points[diameters < 4], INTENSITY, 99, random)
    assert tests["ripley_k"].clustered == 0.01 and tests["ripley_k"].sigma > 5 and tests["ripley_k"].ratio > 1.5
    assert tests["second_neighbour"].sigma > 1 and tests["second_neighbour"].ratio < 1  # a mean over all sees it less


def test_a_lattice_is_ordered():
    lon, lat = np.meshgrid(np.arange(170.5, 180), np.arange(-9.5, 10))
    ground = GroundPlane.of([shapely.box(170, -10, 180, 10)], MOON)
    points = unit_vectors(lon.ravel(), lat.ravel())
    tests = randomness_tests(points, Intensity(ground), 99, np.random.default_rng(0))
    assert all(test.ordered == 0.01 for test in tests.values())
    assert tests["first_neighbour"].clustered == 1 and tests["first_neighbour"].ratio > 1.5


def test_neighbours_of_other_sizes_do_not_count():
    random = np.random.default_rng(3)
    field = INTENSITY.random_field(300, random)
    points = np.concatenate([field, tight_cluster(6, 174, 4, 0.1, random)])
    sizes = np.concatenate([np.full(300, 1.0), [1, 1.2, 5, 40, 300, 2000]])
    result = local_clustering(points, sizes, INTENSITY, 5, 2.0)
    assert np.isnan(result.probability[302:]).all()
    assert (np.nan_to_num(result.false_discovery, nan=1) > 0.05).all()
    assert (local_clustering(points, np.ones(306), INTENSITY, 5, 2.0).false_discovery[300:] <= 0.05).all()


def test_a_slow_change_of_density_is_no_cluster_where_fields_follow_it():
    """With a background of 250 km the probabilities are those of an even field, without it they are not."""
    wide = GroundPlane.of([shapely.box(0, -30, 90, 30)], MOON)
    kernel = SphereKernel.of(wide, 250, "k")
    random = np.random.default_rng(5)
    shares = []
    for _ in range(3):
        points = Intensity(wide).random_field(6000, random)
        lon, _ = lonlat_of_points(points)
        points = points[random.random(6000) < np.exp(-2 * lon / 90)]
        ones = np.ones(len(points))
        even, smooth = Intensity(wide), Intensity.smooth(kernel, *lonlat_of_points(points))
        shares.append(
            [(local_clustering(points, ones, of, 5, 2.0).probability <= 0.05).mean() for of in (even, smooth)]
        )
    of_even, of_smooth = np.mean(shares, axis=0)
    assert of_even > 0.12
    assert of_smooth == pytest.approx(0.05, abs=0.015)


def test_craters_at_one_place_are_clustered():
    points = np.concatenate(
        [INTENSITY.random_field(50, np.random.default_rng(0)), np.repeat(unit_vectors([175], [0]), 6, 0)]
    )
    result = local_clustering(points, np.ones(56), INTENSITY, 5, 2.0)
    assert (result.probability[50:] == 0).all() and (result.angle[50:] == 0).all()
