import numpy as np
import pytest
import shapely

from orbitile.counting.density_kernel import SphereKernel
from orbitile.counting.ground_plane import GroundPlane
from orbitile.counting.random_fields import Intensity, cap_lattice, tangent_axes
from orbitile.space.bodies import find_body
from orbitile.space.ground import angles_between, lonlat_of_points, unit_vectors

MOON = find_body("Moon")
WORLD = GroundPlane.of([shapely.box(-180, -90, 180, 90)], MOON)
HALF = GroundPlane.of([shapely.box(0, -90, 180, 90)], MOON)


@pytest.mark.parametrize("radius", [1e-5, 0.01, 0.3, 3.0])
def test_a_lattice_fills_its_cap_evenly(radius):
    centre = unit_vectors(np.array([170.0]), np.array([88.0]))
    points = cap_lattice(centre, np.array([radius]), 400)[0]
    assert np.linalg.norm(points, axis=1) == pytest.approx(1)
    angles = angles_between(points, centre)
    assert angles.max() <= radius
    within_half_area = 2 * np.arcsin(np.sin(radius / 2) / np.sqrt(2))
    assert (angles <= within_half_area).mean() == pytest.approx(0.5, abs=0.01)
    east, _ = tangent_axes(centre)
    assert (points @ east[0] > 0).mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("lon", "lat", "radius", "share"),
    [
        (90, 0, 0.001, np.sin(0.0005) ** 2 * 2), (90, 0, 0.1, np.sin(0.05) ** 2 * 2), (90, 0, np.pi, 1.0),
        (0, 0, 0.001, np.sin(0.0005) ** 2), (180, 50, 0.1, np.sin(0.05) ** 2), (0, 90, 0.5, np.sin(0.25) ** 2),
        (-90, 0, 0.1, 0), (0, 0, np.pi, 1.0),
    ],
)  # fmt: skip
def test_shares_of_caps_are_right_at_borders(lon, lat, radius, share):
    """Half a sphere: caps on its border have half of their ground."""
    centre = unit_vectors(np.array([lon]), np.array([lat]))
    assert Intensity(HALF).shares_of_caps(centre, np.array([radius]))[0] == pytest.approx(share, rel=0.04, abs=1e-12)


def test_fields_follow_a_slow_density():
    kernel = SphereKernel.of(WORLD, 300, "k")
    random = np.random.default_rng(0)
    x, y = WORLD.random_points(20_000, random)
    dense = (x > 0) | (random.random(20_000) < 0.25)  # four times as many in the east
    intensity = Intensity.smooth(kernel, *WORLD.lonlat(x[dense], y[dense]))
    assert intensity.total == pytest.approx(dense.sum(), rel=0.02)
    lon, _ = lonlat_of_points(intensity.random_field(20_000, random))
    assert (lon > 0).mean() == pytest.approx(0.77, abs=0.03)  # smooth at both borders of the east
    centres = unit_vectors(np.array([90.0, -90.0]), np.array([0.0, 0.0]))
    shares = intensity.shares_of_caps(centres, np.array([0.3, 0.3]))
    assert shares == pytest.approx(np.sin(0.15) ** 2 * np.array([1.6, 0.4]), rel=0.1)


def test_a_seed_gives_the_same_field():
    first, second = (Intensity(HALF).random_field(500, np.random.default_rng(4)) for _ in range(2))
    assert (first == second).all()
