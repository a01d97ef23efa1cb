"""Random fields have preferred directions as often as the probability says; a planted ray is found."""

import numpy as np
import pytest
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.counting import rays
from orbitile.counting.ground_plane import GroundPlane
from orbitile.counting.random_fields import Intensity
from orbitile.counting.rays import Primary, RayTest
from orbitile.space.bodies import find_body
from orbitile.space.ground import destination, unit_vectors

MOON = find_body("Moon")
SHAPE = shapely.box(-10, -12, 14, 10).difference(shapely.box(3, 1, 8, 5))
INTENSITY = Intensity(GroundPlane.of([SHAPE], MOON))
PRIMARY = Primary(0.0, 0.0, 40.0, (2.0, 18.0), 24, 5)


def rays_of(points, random, primary=PRIMARY, intensity=INTENSITY):
    return RayTest.of(primary, points, intensity, random, "secondaries.primary")


def ray_of_craters(count, azimuth_deg, width_deg, random):
    away = random.uniform(60_000, 330_000, count)
    angle = np.radians(random.uniform(azimuth_deg - width_deg / 2, azimuth_deg + width_deg / 2, count))
    ends = destination(np.zeros(count), np.zeros(count), away * np.sin(angle), away * np.cos(angle), MOON.radius_m)
    return unit_vectors(*ends)


def test_azimuths_and_ranges():
    points = unit_vectors(np.array([10.0, 0, 350, 0, 10]), np.array([0.0, 10, 0, -10, 10]))
    angle, azimuth = PRIMARY.polar(points)
    assert azimuth == pytest.approx([90, 0, 270, 180, 44.5615], abs=1e-3)
    assert np.degrees(angle[:4]) == pytest.approx(10)


def test_random_fields_have_the_nominal_false_alarm_rate(monkeypatch):
    """On ground with a hole and a border that the range crosses: 100 fields, at 5 % each."""
    monkeypatch.setattr(rays, "ISOTROPIC_FIELDS", 499)
    random = np.random.default_rng(0)
    alarms = np.zeros(4)
    for _ in range(100):
        result = rays_of(INTENSITY.random_field(500, random), random)
        values = [result.anisotropy_probability, *map(result.harmonic_probability, (1, 2)), result.rays[0].probability]
        alarms += [value <= 0.05 for value in values]
    assert (alarms <= 11).all()  # 5 are expected, with a standard deviation of 2.2
    assert (alarms >= 1).all()


def test_a_planted_ray_is_found_at_its_azimuth():
    random = np.random.default_rng(1)
    points = np.concatenate([INTENSITY.random_field(500, random), ray_of_craters(40, 292.5, 14, random)])
    result = rays_of(points, random)
    assert result.anisotropy_probability < 0.01
    ray = result.rays[0]
    assert (ray.from_deg, ray.to_deg) == (285, 300)
    assert ray.probability < 0.001 and ray.craters > 2 * ray.expected
    assert all(other.probability > 0.05 for other in result.rays[1:])


def test_a_ray_over_north_is_found_too():
    random = np.random.default_rng(2)
    points = np.concatenate([INTENSITY.random_field(500, random), ray_of_craters(60, 0, 26, random)])
    ray = rays_of(points, random).rays[0]
    assert (ray.from_deg, ray.to_deg) == (345, 15) and ray.probability < 0.001


def test_a_density_that_falls_with_the_distance_is_no_ray():
    random = np.random.default_rng(3)
    points = INTENSITY.random_field(3000, random)
    angle, _ = PRIMARY.polar(points)
    result = rays_of(points[random.random(3000) < np.exp(-angle / 0.05)], random)
    assert result.anisotropy_probability > 0.05 and result.rays[0].probability > 0.05


def test_ground_and_expected_counts():
    random = np.random.default_rng(4)
    result = rays_of(INTENSITY.random_field(800, random), random)
    rings = np.pi * 4 * MOON.radius_m**2 * np.diff(np.sin(result.edges_km / 1737.4 / 2) ** 2) / 1e6
    inner = result.edges_km[1:] < np.radians(10) * 1737.4 * 0.99
    hole = (result.searched_km2[inner].sum(axis=1) < 0.999 * rings[inner]).any()
    assert hole
    assert result.searched_km2[0] == pytest.approx(np.full(24, rings[0] / 24), rel=1e-3)
    assert result.expected.sum() == pytest.approx(result.counts.sum())
    assert (result.searched_km2.sum(axis=1) <= rings * 1.001).all()


@pytest.mark.parametrize(
    ("primary", "words"),
    [
        (PRIMARY._replace(lon=100.0), "40 to 360 km around 100, 0 only 0 of 24 sectors hold searched ground"),
        (PRIMARY._replace(range_radii=(2.0, 900.0)), "is more than half around the body; lower range_radii"),
        (PRIMARY._replace(range_radii=(0.001, 0.01)), "no crater lies 0.02 to 0.2 km from it"),
    ],
)
def test_primaries_that_do_not_suit(primary, words):
    random = np.random.default_rng(0)
    with pytest.raises(OrbitileError, match=words) as error:
        rays_of(INTENSITY.random_field(100, random), random, primary)
    assert str(error.value).startswith("secondaries.primary: ")
