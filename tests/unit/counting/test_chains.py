import numpy as np
import pytest

from orbitile.counting.chains import CraterGroup, alignment_probability, group_numbers
from orbitile.space.ground import destination, unit_vectors

RADIUS_KM = 1737.4


def row_of_craters(lon, lat, azimuth_deg, length_km, count, spread_km=0.0):
    """Craters in a row around a place."""
    along = np.linspace(-length_km / 2, length_km / 2, count) * 1000
    across = 1000 * spread_km * (-1.0) ** np.arange(count)
    angle = np.radians(azimuth_deg)
    east, north = along * np.sin(angle) + across * np.cos(angle), along * np.cos(angle) - across * np.sin(angle)
    return unit_vectors(*destination(np.full(count, lon), np.full(count, lat), east, north, 1000 * RADIUS_KM))


@pytest.mark.parametrize(
    ("lon", "lat", "azimuth"), [(0, 0, 0), (179.9, 40, 30), (-60, -70, 90), (10, 88, 135), (100, 5, 170)]
)
def test_a_row_has_its_length_and_direction(lon, lat, azimuth):
    group = CraterGroup.of(row_of_craters(lon, lat, azimuth, 90, 41, 1.0), RADIUS_KM)
    assert group.length_km == pytest.approx(4 * 90 / np.sqrt(12), rel=0.06)
    assert group.width_km == pytest.approx(4, rel=0.03)
    assert (group.azimuth_deg - azimuth + 90) % 180 - 90 == pytest.approx(0, abs=1)
    assert (group.lon, group.lat) == (pytest.approx(lon, abs=0.02), pytest.approx(lat, abs=0.01))
    assert group.elongation_probability < 1e-6


def test_elongations_of_round_groups_are_even():
    """Mauchly's probability, by plain numbers of normal groups of six."""
    random = np.random.default_rng(0)
    probability = []
    for _ in range(3000):
        offset = random.normal(0, 5000, (2, 6))
        points = unit_vectors(*destination(np.full(6, 20.0), np.full(6, 30.0), *offset, 1000 * RADIUS_KM))
        probability.append(CraterGroup.of(points, RADIUS_KM).elongation_probability)
    for alpha in (0.01, 0.05, 0.3, 0.7):
        assert np.mean(np.array(probability) <= alpha) == pytest.approx(alpha, abs=4 * np.sqrt(alpha / 3000))


def test_rows_that_point_to_a_place():
    place = unit_vectors(np.array(0.0), np.array(0.0))
    radial = CraterGroup.of(row_of_craters(0, 20, 0, 60, 9, 1), RADIUS_KM, place)
    across = CraterGroup.of(row_of_craters(-20, 0, 0, 60, 9, 1), RADIUS_KM, place)
    assert radial.off_radial_deg == pytest.approx(0, abs=3)
    assert across.off_radial_deg == pytest.approx(90, abs=3)
    assert radial.from_place_km == pytest.approx(np.radians(20) * RADIUS_KM, rel=1e-3)
    random = np.random.default_rng(0)
    assert alignment_probability(np.array([2.0, 5, 1, 8, 10]), random) < 0.01
    assert alignment_probability(np.array([80.0, 85, 88]), random) > 0.9
    assert alignment_probability(np.zeros(0), random) is None


def test_alignments_by_chance_are_even():
    random = np.random.default_rng(1)
    probability = [alignment_probability(random.uniform(0, 90, 4), random) for _ in range(200)]
    assert sum(value <= 0.1 for value in probability) <= 35


def test_groups_are_what_reach_links():
    points = unit_vectors(np.array([0.0, 1, 2, 10, 11, 50, -179.5, 179.5]), np.zeros(8))
    reach = np.radians([1.1, 0.5, 0.5, 0.1, 1.1, 0.1, 1.1, 0.1])
    numbers = group_numbers(points, reach)
    assert numbers[0] == numbers[1] and numbers[3] == numbers[4] and numbers[6] == numbers[7]
    assert len(set(numbers.tolist())) == 5
    assert len(group_numbers(np.zeros((0, 3)), np.zeros(0))) == 0
