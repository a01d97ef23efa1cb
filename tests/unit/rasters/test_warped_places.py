"""Where the pixels of warped images lie, against longitudes and latitudes that they show. All images are made up."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS
from rasterio.enums import Resampling

from orbitile.base.errors import OrbitileError
from orbitile.rasters.read import raster_grid
from orbitile.rasters.resample import common_grid, warped_blocks
from orbitile.space.bodies import find_body
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground

MOON = find_body("Moon")
DEGREE_M = MOON.radius_m * np.pi / 180
DEGREES, CYLINDRICAL, SINUSOIDAL, NORTH = (f"IAU_2015:{code}" for code in (30100, 30110, 30120, 30130))
FAR_SIDE = "+proj=eqc +lon_0=180 +R=1737400 +type=crs"
KILOMETRES = "+proj=eqc +R=1737400 +units=km +type=crs"
UNNAMED_DEGREES = "+proj=longlat +R=1737400 +type=crs"


def _brightness(grid):
    """Smooth values (rows, columns) of the ground in a grid's pixels, NaN off the body."""
    columns, rows = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    lon, lat = map(np.radians, Ground(grid.crs_wkt, MOON.radius_m).lonlat(*grid.to_map(columns, rows)))
    return 1000 + 400 * np.cos(lat) * np.cos(lon) + 300 * np.sin(2 * lat) + 200 * np.cos(lat) * np.sin(lon)


def _pixels_on(image, grid):
    """Columns and rows (rows, columns) of an image at the middles of the pixels of a grid of another map."""
    columns, rows = np.meshgrid(np.arange(grid.width) + 0.5, np.arange(grid.height) + 0.5)
    lon, lat = Ground(grid.crs_wkt, MOON.radius_m).lonlat(*grid.to_map(columns.ravel(), rows.ravel()))
    on_image = image.to_pixel(*Ground(image.crs_wkt, MOON.radius_m).xy(lon, lat, *image.middle))
    return [np.where(np.abs(lat) < 90, side, np.nan).reshape(columns.shape) for side in on_image]


def _grid(crs, left, top, pixel, width, height):
    """A grid by its left and upper border, in units of its map."""
    return Grid(CRS(crs).to_wkt(), Affine(pixel, 0, left, 0, -pixel, top), width, height)


@pytest.fixture
def warped(tmp_path):
    """The image of the made-up ground on a grid, brought to another map: grid, pixels, and which are valid."""

    def warp(grid, crs, gsd_m, holes=False):
        profile = dict(driver="GTiff", width=grid.width, height=grid.height, count=1, dtype="float32")
        with rasterio.open(tmp_path / "image.tif", "w", crs=grid.crs_wkt, transform=grid.transform, **profile) as sink:
            sink.write(np.where(holes, np.nan, _brightness(grid)).astype("float32"), 1)
        with rasterio.open(tmp_path / "image.tif") as source:
            target = common_grid(raster_grid(source), CRS(crs).to_wkt(), gsd_m)
            _, pixels, valid = zip(*warped_blocks(source, target, Resampling.cubic), strict=True)
            return target, np.vstack(pixels), np.vstack(valid)

    return warp


@pytest.mark.parametrize(
    ("image", "crs", "gsd_m"),
    [
        pytest.param(_grid(DEGREES, 0, 30, 0.5, 720, 120), CYLINDRICAL, 15_200, id="degrees from 0 to 360"),
        pytest.param(_grid(UNNAMED_DEGREES, 0, 30, 0.5, 720, 120), CYLINDRICAL, 15_200, id="of an unnamed body"),
        pytest.param(_grid(DEGREES, 170, 30, 0.25, 80, 80), CYLINDRICAL, 7_600, id="degrees from 170 to 190"),
        pytest.param(_grid(DEGREES, 200, 30, 0.25, 80, 80), FAR_SIDE, 7_600, id="degrees from 200 to 220"),
        pytest.param(_grid(CYLINDRICAL, 0, 9e5, 16_000, 682, 100), FAR_SIDE, 16_000, id="metres from 0 to 360"),
        pytest.param(_grid(CYLINDRICAL, 175 * DEGREE_M, 3e5, 7_600, 80, 80), FAR_SIDE, 7_600, id="metres beyond 180"),
        pytest.param(_grid(CYLINDRICAL, 175 * DEGREE_M, 2.6e6, 7_600, 80, 60), NORTH, 7_600, id="beyond 180, polar"),
        pytest.param(_grid(FAR_SIDE, -3e5, 1e5, 10_000, 60, 50), CYLINDRICAL, 10_000, id="across the antimeridian"),
        pytest.param(_grid(FAR_SIDE, -3e5, 1e6, 10_000, 60, 50), SINUSOIDAL, 10_000, id="a sinusoidal map's"),
        pytest.param(_grid(NORTH, -2e5, 6e5, 10_000, 40, 40), CYLINDRICAL, 10_000, id="polar across the antimeridian"),
        pytest.param(_grid(NORTH, -3e5, 3e5, 10_000, 60, 60), CYLINDRICAL, 10_000, id="around a pole"),
        pytest.param(_grid(NORTH, -1e5, 5e5, 10_000, 60, 60), CYLINDRICAL, 10_000, id="a pole near its border"),
        pytest.param(_grid(SINUSOIDAL, 1e6, 1.6e6, 10_000, 100, 100), CYLINDRICAL, 10_000, id="curved sides"),
        pytest.param(_grid(KILOMETRES, 100, 200, 10, 60, 50), CYLINDRICAL, 12_000, id="a map in kilometres"),
        pytest.param(_grid(KILOMETRES, 100, 200, 10, 60, 50), KILOMETRES, 12_000, id="kilometres to kilometres"),
    ],
)  # fmt: skip
def test_all_of_an_image_is_on_its_new_map_where_it_was(warped, image, crs, gsd_m):
    grid, pixels, valid = warped(image, crs, gsd_m)
    assert grid.gsd_m == pytest.approx(gsd_m)
    col, row = _pixels_on(image, grid)
    is_inside = (col > 1) & (col < image.width - 1) & (row > 1) & (row < image.height - 1)
    assert is_inside.sum() > image.width * image.height / 10 * (image.gsd_m / gsd_m) ** 2
    assert valid[is_inside].all()
    np.testing.assert_allclose(pixels[is_inside], _brightness(grid)[is_inside], atol=2.5)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(_grid(FAR_SIDE, -3e5, 1e5, 10_000, 60, 50), id="across the antimeridian"),
        pytest.param(_grid(NORTH, -3e5, 3e5, 10_000, 60, 60), id="around a pole"),
        pytest.param(_grid(NORTH, 1e5, 9e5, 2_000, 300, 300), id="curved sides"),
    ],
)
def test_no_pixel_of_an_image_lies_beyond_its_new_grid(image):
    grid = common_grid(image, CRS(CYLINDRICAL).to_wkt(), image.gsd_m)
    col, row = _pixels_on(grid, image)
    assert ((col >= 0) & (col <= grid.width) & (row >= 0) & (row <= grid.height)).all()


def test_scenes_across_the_antimeridian_take_no_full_turn():
    grid = common_grid(_grid(FAR_SIDE, -3e5, 1e5, 10_000, 60, 50), CRS(CYLINDRICAL).to_wkt(), 10_000)
    assert (grid.width, grid.height) in ((60, 50), (61, 50))


@pytest.mark.parametrize("steps", [(-1, -1), (1, 1), (-1, 1)], ids=["westward", "northward", "both"])
def test_mirrored_images(warped, steps):
    transform = Affine(1000 * steps[0], 0, 5e5, 0, 1000 * steps[1], 3e5)
    grid, pixels, valid = warped(Grid(CRS(CYLINDRICAL).to_wkt(), transform, 80, 60), CYLINDRICAL, 1000)
    assert (grid.width, grid.height) == (80, 60)
    assert valid.all()
    np.testing.assert_allclose(pixels, _brightness(grid), atol=1e-3)


def test_sinusoidal_images_beyond_half_a_turn_are_refused(warped):
    with pytest.raises(OrbitileError, match="beyond half a turn from the central meridian of its map"):
        warped(_grid(SINUSOIDAL, 2.8e6, 1.6e6, 10_000, 100, 30), FAR_SIDE, 10_000)


def test_corners_without_data_may_lie_beyond_half_a_turn(warped):
    """As those of the easternmost piece of a global sinusoidal map."""
    image = _grid(SINUSOIDAL, 2.8e6, 1.6e6, 10_000, 100, 30)
    x, y = image.to_map(*np.meshgrid(np.arange(100) + 0.5, np.arange(30) + 0.5))
    is_ground = Ground(image.crs_wkt, MOON.radius_m).degrees(x, y)[0] < 179
    grid, pixels, valid = warped(image, CYLINDRICAL, 10_000, holes=~is_ground)
    assert valid.sum() > is_ground.sum()
    np.testing.assert_allclose(pixels[valid], _brightness(grid)[valid], atol=2.5)
