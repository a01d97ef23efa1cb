import numpy as np
import pytest
import shapely
from pyproj import CRS, Transformer

from orbitile.base.errors import OrbitileError
from orbitile.counting.density_map import ZERO_LIMIT, CellCounts
from orbitile.counting.diameter_series import SeriesCounts
from orbitile.counting.ground_plane import GroundPlane
from orbitile.space.bodies import crs_body, find_body

MOON = find_body("Moon")
BOX = GroundPlane.of([shapely.box(10, 0, 30, 20)], MOON)


def counted(ground, cell_km, diameters=(1.0, 2.0)):
    return CellCounts.of(ground, MOON, cell_km, diameters)


@pytest.mark.parametrize(
    ("box", "parallel"),
    [((-180, -90, 180, 90), 30), ((10, 0, 30, 20), 10), ((0, 70, 60, 90), 75), ((0, -50, 9, -40), 45)],
)  # fmt: skip
def test_cells_have_equal_areas_on_a_map_of_the_body(box, parallel):
    cells = counted(GroundPlane.of([shapely.box(*box)], MOON), 100)
    crs = CRS.from_wkt(cells.grid.crs_wkt)
    assert crs_body(crs) == MOON
    assert crs.coordinate_operation.params[0].value == parallel
    assert cells.searched_km2.sum() == pytest.approx(cells.ground.area_km2)
    assert cells.searched_km2 == pytest.approx(np.full(cells.searched_km2.shape, cells.cell_km2), rel=1e-6)
    assert cells.cell_km2 == pytest.approx(100**2, rel=0.3)  # whole rows and columns


def test_the_grid_lies_where_its_cells_do():
    cells = counted(GroundPlane.of([shapely.box(170, 10, 180, 30), shapely.box(-180, 10, -150, 30)], MOON), 80)
    rows, columns = cells.searched_km2.shape
    column, row = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    crs = CRS.from_wkt(cells.grid.crs_wkt)
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    lon, lat = to_degrees.transform(*cells.grid.to_map(column, row))
    x, y = cells.middles
    assert np.allclose(cells.ground.lonlat(x, y), (lon, lat), atol=1e-9)


def test_counts_and_errors_of_cells():
    cells = counted(BOX, 303.2, (1.0, 2.0, 5.0))
    assert cells.searched_km2.shape == (2, 2)
    x, y = BOX.place(np.array([11, 12, 29, 29, 29, 100]), np.array([1, 2, 19, 19, 18, 0]))
    cells.add(x[:3], y[:3], np.array([1.0, 1.9, 3.0]))
    cells.add(x[3:], y[3:], np.array([1.0, 0.5, 9.0]))
    assert cells.counts.tolist() == [[[0, 2], [2, 0]], [[0, 1], [0, 0]], [[0, 0], [0, 0]]]
    assert cells.outside == [1]
    quarter = BOX.area_km2 / 4
    assert cells.density[0] == pytest.approx(np.array([[0, 2], [2, 0]]) / quarter)
    assert cells.error[1] == pytest.approx(np.array([[ZERO_LIMIT, 1], [ZERO_LIMIT, ZERO_LIMIT]]) / quarter)


def test_partly_searched_cells_have_the_density_of_what_was_searched():
    """Ground with a hole: the same density everywhere comes out the same, in cells that are cut, too."""
    ground = GroundPlane.of([shapely.box(0, 0, 40, 40).difference(shapely.Point(20, 20).buffer(9))], MOON)
    cells = counted(ground, 150, (1.0,))
    x, y = ground.random_points(200_000, np.random.default_rng(0))
    cells.add(x, y, np.full(len(x), 1.0))
    assert cells.outside == [0]
    share = cells.searched_km2 / cells.cell_km2
    cut = (share > 0.05) & (share < 0.95)
    assert cut.sum() > 10
    off = (cells.density[0] - len(x) / ground.area_km2) / cells.error[0]
    assert np.abs(off[share > 0.05]).max() < 5
    assert off[cut].std() == pytest.approx(1, abs=0.3)


def test_a_limit_for_no_crater_is_the_one_sigma_one():
    assert np.exp(-ZERO_LIMIT) == pytest.approx(1 - 0.8413, abs=1e-4)


def test_too_many_cells():
    with pytest.raises(OrbitileError, match=r"density.cell_km: .* cells of 0.1 km are more than"):
        counted(BOX, 0.1)


def test_diameters_suit_the_catalogue():
    random = np.random.default_rng(0)
    diameters = 0.7 * random.random(3000) ** -0.5
    counts = SeriesCounts.of([diameters[:1000], diameters[1000:], np.zeros(0)])
    assert counts.craters == 3000
    assert counts.largest_km == diameters.max()
    assert dict(zip([1, 2, 5], counts.at_least[12:15].tolist(), strict=True)) == {
        limit: (diameters >= limit).sum() for limit in (1, 2, 5)
    }
    assert counts.chosen(0.9) == (1, 2)
    assert counts.chosen(1.0) == (1, 2)
    assert counts.chosen(4.0) == (5,)
    assert counts.chosen(1e4) == ()
    counts.check((1, 2), 0.8, "k")


@pytest.mark.parametrize(
    ("diameter", "words"), [(0.5, r"k: 0.5 km is less than the 1 km"), (7.0, r"k: no crater has 7 km; .* 6 km")]
)
def test_diameters_that_nobody_has(diameter, words):
    with pytest.raises(OrbitileError, match=words):
        SeriesCounts.of([np.array([2.0, 6.0])]).check((2, diameter), 1.0, "k")
