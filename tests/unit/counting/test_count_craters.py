import numpy as np
import pytest
import shapely
from planted_craters import MOON, area, box_km2, craters, searched_box

from orbitile.counting.cap_lattice import CapLattice, angles_to_shape, largest_covering
from orbitile.counting.count_craters import CountingMethod, count_in_area
from orbitile.features.shapes.lonlat_shapes import area_on_sphere_km2, polygons_in_degrees
from orbitile.space.ground import Ground, ground_ellipses, unit_vectors

KM_PER_DEGREE = np.radians(1) * MOON.radius_m / 1000
BOX = shapely.segmentize(shapely.box(0, 0, 4, 4), 0.1)
WIDE = searched_box((-20, -20, 20, 20), (1, 300))


def cap_km2(radius_km):
    """The area of a cap around a point."""
    radius = MOON.radius_m / 1000
    return 2 * np.pi * radius**2 * (1 - np.cos(radius_km / radius))


def disc(lon, lat, radius_km):
    size = np.array([2000.0 * radius_km])
    ring = np.column_stack([part[0] for part in ground_ellipses([lon], [lat], size, size, MOON.radius_m, 720)])
    return polygons_in_degrees(np.array([shapely.Polygon(ring)]), Ground(MOON.crs.to_wkt(), MOON.radius_m))[0]


def sizes(counted):
    return counted.count.diameter_km.tolist()


def test_centres_inside_count_on_the_searched_ground():
    found = craters([1, 1, 1, 5, 1], [1, 1, 3.5, 1, 1], [2, 40, 3, 9, 500])
    searched = searched_box((-20, -20, 20, 3), (1, 300))
    counted = count_in_area(area(BOX), found, searched, CountingMethod())
    assert sizes(counted) == [2, 40, 500]  # 3 km lies beyond what was searched, 9 km outside
    expected = box_km2(0, 0, 4, 3)
    assert counted.count.area_km2 == pytest.approx([expected, expected, 0], rel=1e-4)
    assert counted.count.searched_km2 == pytest.approx(expected, rel=1e-4)
    assert counted.count.probability.tolist() == [1, 1, 1] and counted.count.weight.tolist() == [1, 1, 1]


def test_the_order_of_the_catalogue_does_not_matter():
    random = np.random.default_rng(0)
    found = craters(*random.uniform(-1, 5, (2, 500)), random.uniform(1, 200, 500))
    order = random.permutation(500)
    for method in ("centre", "buffered", "non_sparseness"):
        first, second = (
            count_in_area(area(BOX), c, WIDE, CountingMethod(method)) for c in (found, found.taking(order))
        )
        assert sorted(sizes(first)) == sorted(sizes(second)), method
        assert np.sort(first.count.area_km2) == pytest.approx(np.sort(second.count.area_km2), rel=1e-12)


@pytest.mark.parametrize("radii", [1.0, 3.0])
def test_a_buffered_area_is_as_much_wider_as_craters_reach(radii):
    """A disc of 50 km: all circles that reach it have their centres in a larger disc."""
    round_area = disc(2, 2, 50)
    counted = count_in_area(area(round_area), craters([], [], []), WIDE, CountingMethod("buffered", radii))
    for size in (1.0, 10.0, 60.0):
        expected = cap_km2(50 + radii * size / 2)
        assert counted.areas_km2(np.array([size]))[0] == pytest.approx(expected, rel=3e-3)


def test_buffered_craters_count_where_they_reach_the_area():
    distance = np.array([0.5, 1.5]) * KM_PER_DEGREE
    found = craters([4.5, 5.5], [0, 0], distance * 2 * [1.01, 0.99])
    counted = count_in_area(area(BOX), found, WIDE, CountingMethod("buffered"))
    assert counted.count.lon.tolist() == [4.5]
    assert sizes(count_in_area(area(BOX), found, WIDE, CountingMethod("buffered", 1.1)))[0] > 0


def test_a_buffered_area_ends_where_nothing_was_searched():
    searched = searched_box((0, 0, 4, 4), (1, 300))
    counted = count_in_area(area(BOX), craters([-0.1], [2], [100]), searched, CountingMethod("buffered"))
    assert len(counted.count) == 0
    assert counted.areas_km2(np.array([100.0]))[0] == pytest.approx(box_km2(0, 0, 4, 4), rel=1e-3)


def test_smaller_craters_do_not_count_on_what_a_larger_one_covers():
    found = craters([2, 2.05, 0.5, 2.9], [2, 2, 0.5, 2], [40, 3, 3, 3])
    counted = count_in_area(area(BOX), found, WIDE, CountingMethod("non_sparseness", ejecta_radii=1))
    assert sizes(counted) == [40, 3]  # the disc of 40 km around the centre holds two of 3 km
    whole = box_km2(0, 0, 4, 4)
    assert counted.count.area_km2 == pytest.approx([whole, whole - cap_km2(40) + 0 * whole], rel=2e-3)
    bare = count_in_area(area(BOX), found, WIDE, CountingMethod("non_sparseness", ejecta_radii=0))
    assert sizes(bare) == [40, 3, 3]
    assert bare.count.area_km2[1] == pytest.approx(whole - cap_km2(20), rel=2e-3)


def test_craters_outside_cover_ground_inside():
    found = craters([-0.1, 0.3], [2, 2], [60, 3])
    counted = count_in_area(area(BOX), found, WIDE, CountingMethod("non_sparseness", ejecta_radii=1))
    assert len(counted.count) == 0
    assert counted.areas_km2(np.array([3.0]))[0] < box_km2(0, 0, 4, 4) - cap_km2(60) / 3


def test_equal_craters_leave_each_other_their_ground():
    found = craters([2, 2.05], [2, 2], [40, 40])
    counted = count_in_area(area(BOX), found, WIDE, CountingMethod("non_sparseness"))
    assert len(counted.count) == 2
    assert counted.count.area_km2 == pytest.approx(np.full(2, box_km2(0, 0, 4, 4)), rel=1e-4)


@pytest.mark.parametrize("method", ["centre", "buffered", "non_sparseness"])
def test_no_crater_and_no_ground(method):
    nowhere = searched_box((100, 0, 110, 10))
    for searched in (WIDE, nowhere):
        counted = count_in_area(area(BOX), craters([], [], []), searched, CountingMethod(method))
        assert len(counted.count) == 0
    assert counted.areas_km2(np.array([5.0])).tolist() == [0]


@pytest.mark.parametrize(
    "shape", [BOX, shapely.box(-180, 80, 180, 90), shapely.box(-180, -90, 180, 90), disc(179, 0, 90)]
)
def test_a_lattice_measures_areas(shape):
    lattice = CapLattice.around(shape, 0.01, MOON.radius_m)
    measured = lattice.lies_in(shape).sum() * lattice.km2
    assert measured == pytest.approx(area_on_sphere_km2(shape, MOON.radius_m), rel=1e-3)
    assert np.linalg.norm(lattice.points, axis=1) == pytest.approx(np.ones(len(lattice.points)))


def test_angles_to_a_shape():
    points = unit_vectors(np.array([2.0, 5.0, 2.0]), np.array([2.0, 2.0, -3.0]))
    assert np.degrees(angles_to_shape(BOX, points)) == pytest.approx([0, 1, 3], abs=2e-3)


def test_the_largest_disc_that_covers_a_point():
    points = unit_vectors(np.array([0.0, 1.0, 5.0]), np.zeros(3))
    centres = unit_vectors(np.array([0.2, 0.4]), np.zeros(2))
    largest = largest_covering(points, centres, np.radians([0.3, 0.7]), np.array([3.0, 7.0]))
    assert largest.tolist() == [7, 7, 0]
