import numpy as np
import pytest
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.counting.density_kernel import SphereKernel
from orbitile.counting.ground_plane import GroundPlane
from orbitile.space.bodies import find_body
from orbitile.space.ground import angles_between, unit_vectors

MOON = find_body("Moon")
RADIUS_KM = 1737.4
WORLD = GroundPlane.of([shapely.box(-180, -90, 180, 90)], MOON)
ZONE = GroundPlane.of([shapely.box(-20, 60, 40, 90)], MOON)


def plain_density(points, target, bandwidth_km):
    """The von Mises-Fisher kernel, summed one by one, on a whole sphere."""
    kappa = (RADIUS_KM / bandwidth_km) ** 2
    norm = kappa / (2 * np.pi * (1 - np.exp(-2 * kappa))) / RADIUS_KM**2
    return sum(norm * np.exp(kappa * (np.cos(angles_between(point, target)) - 1)) for point in points)


@pytest.mark.parametrize(("lon", "lat"), [(0, 0), (179, 10), (30, 85), (0, 90), (-100, -88)])
def test_it_is_the_sum_of_kernels_at_poles_and_over_180_degrees_too(lon, lat):
    random = np.random.default_rng(3)
    x, y = WORLD.random_points(3000, random)
    kernel = SphereKernel.of(WORLD, 200, "k")
    target = unit_vectors(np.array([lon]), np.array([lat]))
    counts = kernel.counts(x, y)
    result = kernel.densities(counts[None], target)
    assert result.density[0, 0] == pytest.approx(plain_density(WORLD.vectors(x, y), target[0], 200), rel=0.03)
    assert result.share[0] == pytest.approx(1, abs=0.005)


def test_an_even_field_has_an_even_density_up_to_the_edge():
    """The mean over many craters is right at borders, where an uncorrected kernel has a half; so is the error."""
    kernel = SphereKernel.of(ZONE, 60, "k")
    random = np.random.default_rng(0)
    counts = np.stack([kernel.counts(*ZONE.random_points(4000, random)) for _ in range(100)])
    targets = unit_vectors(np.array([-20.0, 40, 10, 10, 10]), np.array([70.0, 60, 60, 75, 90]))
    result = kernel.densities(counts, targets)
    even = 4000 / ZONE.area_km2
    assert result.share[:3] == pytest.approx([0.5, 0.25, 0.5], abs=0.06)
    assert result.density.mean(axis=0) == pytest.approx(even, rel=0.05)
    assert result.density.std(axis=0) == pytest.approx(result.error.mean(axis=0), rel=0.35)


def test_counts_far_from_ground_have_no_density():
    kernel = SphereKernel.of(ZONE, 50, "k")
    result = kernel.densities(np.zeros((1, len(kernel.cells)), int), unit_vectors(np.array([0.0]), np.array([-40.0])))
    assert np.isnan(result.density[0, 0]) and result.share[0] == 0


@pytest.mark.parametrize(
    ("bandwidth_km", "words"), [(900, "k: 900 km is more than half of the body"), (1, "k: cells of 0.25 km")]
)
def test_bandwidths_that_do_not_suit(bandwidth_km, words):
    with pytest.raises(OrbitileError, match=words):
        SphereKernel.of(WORLD, bandwidth_km, "k")
