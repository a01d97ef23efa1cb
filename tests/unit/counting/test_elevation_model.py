import numpy as np
import pytest
from affine import Affine
from made_terrain import MOON, places_of, raster_around, write_elevation
from pyproj import CRS
from scipy.ndimage import map_coordinates

from orbitile.base.errors import OrbitileError
from orbitile.counting import elevation_model
from orbitile.counting.elevation_model import opened_elevation
from orbitile.counting.elevation_profiles import exact_pixels, patch_pixels
from orbitile.space.bodies import find_body
from orbitile.space.grids import Grid

OFFSETS = np.linspace(-40_000, 40_000, 101)


@pytest.fixture
def bumpy(tmp_path):
    """A raster of noise, and its path."""
    grid = raster_around("IAU_2015:30110", 20.0, 40.0, 300, 250)
    heights = np.random.default_rng(0).normal(0, 500, (250, 300)).astype(np.float32)
    return write_elevation(tmp_path / "dem.tif", grid, heights), grid, heights


def lonlat(grid, col, row):
    from orbitile.space.ground import Ground

    return Ground(grid.crs_wkt, MOON.radius_m).lonlat(*grid.to_map(col, row))


@pytest.mark.parametrize("window_px", [4_000_000, 500])
def test_heights_are_bilinear_however_they_are_read(bumpy, window_px, monkeypatch):
    path, grid, heights = bumpy
    monkeypatch.setattr(elevation_model, "LARGEST_WINDOW_PX", window_px)
    monkeypatch.setattr(elevation_model, "BLOCK_PX", 20)
    random = np.random.default_rng(1)
    col, row = random.uniform(0.5, 299.5, 2000), random.uniform(0.5, 249.5, 2000)
    with opened_elevation(path, MOON) as model:
        values = model.heights(*lonlat(grid, col, row))
    expected = map_coordinates(heights.astype(float), np.stack([row, col]) - 0.5, order=1, mode="nearest")
    assert values == pytest.approx(expected, abs=0.01)


def test_there_are_no_heights_beyond_the_raster_or_without_data(tmp_path):
    grid = raster_around("IAU_2015:30110", 20.0, 40.0, 60, 50)
    heights = np.full((50, 60), 7.0)
    heights[10:20, 10:20] = -32768
    path = write_elevation(tmp_path / "dem.tif", grid, heights, nodata=-32768)
    col, row = np.array([30.0, 15.0, 61.0, 30.0, 0.2]), np.array([30.0, 15.0, 30.0, -3.0, 49.9])
    with opened_elevation(path, MOON) as model:
        values = model.heights(*lonlat(grid, col, row))
        assert model.covers(*lonlat(grid, col, row)).tolist() == [True, True, False, False, True]
    assert values == pytest.approx([7, np.nan, np.nan, np.nan, 7], nan_ok=True)


@pytest.mark.parametrize("crs", ["IAU_2015:30110", "IAU_2015:30100", "+proj=eqc +lon_0=180 +R=1737400"])
def test_a_map_around_the_whole_body_goes_on_over_its_edge(tmp_path, crs):
    wkt = CRS.from_user_input(crs).to_wkt()
    turn = 360.0 if "30100" in crs else 2 * np.pi * 1737400
    size = turn / 720
    grid = Grid(wkt, Affine(size, 0, -turn / 2, 0, -size, 20 * size), 720, 40)
    lon, lat = places_of(grid)
    path = write_elevation(tmp_path / "dem.tif", grid, 1000 * np.sin(np.radians(lon)) + 10 * lat)
    places = np.array([179.9, 180.0, -179.9, -180.0, 0.1, -0.1, 359.9]), np.array([3.3, 3.3, 3.3, -2, 1, 1, 0])
    with opened_elevation(path, MOON) as model:
        values = model.heights(*places)
    assert values == pytest.approx(1000 * np.sin(np.radians(places[0])) + 10 * places[1], abs=0.1)


@pytest.mark.parametrize(
    ("crs", "lon", "lat", "side_m"),
    [
        ("IAU_2015:30110", 20.0, 40.0, 119), ("IAU_2015:30100", 179.9, 60.0, 238), ("IAU_2015:30100", -180.0, 85, 238),
        ("IAU_2015:30130", 33.0, 85.0, None), ("IAU_2015:30130", 0.0, 90.0, None),
    ],
)  # fmt: skip
def test_pixels_of_a_patch_are_those_one_by_one(tmp_path, crs, lon, lat, side_m):
    grid = raster_around(crs, lon, min(lat, 88), 20, 20)
    path = write_elevation(tmp_path / "dem.tif", grid, np.random.default_rng(0).normal(0, 100, (20, 20)))
    with opened_elevation(path, MOON) as model:
        fast, exact = (pixels(model, lon, lat, OFFSETS) for pixels in (patch_pixels, exact_pixels))
        assert np.abs(model.columns_apart(fast[0], exact[0])).max() < 0.05
        assert np.abs(fast[1] - exact[1]).max() < 0.05


def test_a_pixel_has_its_size_on_the_ground(tmp_path):
    grid = raster_around("IAU_2015:30100", 0.0, 60.0, 20, 20, pixel_m=200)
    path = write_elevation(tmp_path / "dem.tif", grid, np.random.default_rng(0).normal(0, 100, (20, 20)))
    with opened_elevation(path, MOON) as model:
        assert model.pixel_m(np.array([0.0, 5.0]), np.array([0.0, 85.0])) == pytest.approx([200, 200], rel=1e-3)


def test_radii_become_heights(tmp_path):
    grid = raster_around("IAU_2015:30110", 20.0, 40.0, 20, 20)
    path = write_elevation(tmp_path / "dem.tif", grid, np.full((20, 20), 1_737_400 + 250.0), dtype="float64")
    with opened_elevation(path, MOON) as model:
        assert model.heights(np.array([20.0]), np.array([40.0])) == pytest.approx([250])


WIDE = dict(width=600, height=600)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(crs="IAU_2015:49910"), "lies on Mars .*but the run's body is Moon"),
        (dict(crs=""), "has no georeferencing"),
        (dict(heights=lambda shape: np.full(shape, -9.0), nodata=-9), "has no data"),
        (dict(heights=lambda shape: np.full(shape, np.nan)), "has no data"),
        (dict(heights=lambda shape: np.random.default_rng(0).normal(1737.4, 1, shape)), "look like kilometres"),
        (dict(heights=lambda shape: np.random.default_rng(0).normal(0, 1, shape), **WIDE), "look like kilometres"),
    ],
)
def test_a_raster_that_is_no_elevation_model_is_refused_in_a_line(tmp_path, change, message):
    crs = change.pop("crs", "IAU_2015:30110")
    heights = change.pop("heights", lambda shape: np.random.default_rng(0).normal(0, 100, shape))
    nodata = change.pop("nodata", None)
    grid = raster_around(crs or "IAU_2015:30110", 20.0, 40.0, **(change or dict(width=30, height=20)))
    grid = grid if crs else Grid("", grid.transform, grid.width, grid.height)
    path = write_elevation(tmp_path / "dem.tif", grid, heights((grid.height, grid.width)), nodata)
    with pytest.raises(OrbitileError, match=message) as error, opened_elevation(path, MOON):
        pass
    assert "\n" not in str(error.value) and path in str(error.value)


@pytest.mark.parametrize("value", [-32768.0, -9999.0, 1e6, -3.4e38])
def test_undeclared_nodata_is_refused_where_it_is_read(tmp_path, value):
    grid = raster_around("IAU_2015:30110", 20.0, 40.0, 30, 20)
    heights = np.random.default_rng(0).normal(0, 100, (20, 30))
    heights[10, 15] = value
    path = write_elevation(tmp_path / "dem.tif", grid, heights)
    with opened_elevation(path, MOON) as model, pytest.raises(OrbitileError, match="not declared as nodata"):
        model.heights(np.array([20.0]), np.array([40.0]))


def test_heights_in_other_units_and_bands_are_refused(tmp_path):
    import rasterio

    grid = raster_around("IAU_2015:30110", 20.0, 40.0, 30, 20)
    path = write_elevation(tmp_path / "dem.tif", grid, np.random.default_rng(0).normal(0, 100, (20, 30)))
    with rasterio.open(path, "r+") as target:
        target.units = ["km"]
    with pytest.raises(OrbitileError, match="heights are in 'km'"), opened_elevation(path, MOON):
        pass
    text = tmp_path / "text.tif"
    text.write_text("no raster")
    with pytest.raises(OrbitileError, match="cannot be read as an image"), opened_elevation(text, find_body("Moon")):
        pass
