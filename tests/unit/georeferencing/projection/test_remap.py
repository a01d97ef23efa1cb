"""Images on their way to a map, by a made-up camera whose pixels are known in closed form. Pixels are made up, too."""

import functools
import tracemalloc
from dataclasses import dataclass, replace

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from straight_flight import Painted, StraightFlight

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.cameras.surfaces import Ellipsoid
from orbitile.georeferencing.projection import inverse_grid as inverse
from orbitile.georeferencing.projection import remap
from orbitile.georeferencing.projection.choose_crs import choose_crs, grid_around
from orbitile.georeferencing.projection.footprint import footprint
from orbitile.georeferencing.projection.inverse_grid import MapView, compute_inverse_grid
from orbitile.georeferencing.projection.remap import remap_image
from orbitile.rasters.source import RasterPixels
from orbitile.rasters.write import PixelType, write_cog
from orbitile.space.bodies import find_body
from orbitile.space.grids import Window

MOON = find_body("Moon")
SPHERE = Ellipsoid(MOON.radius_m, MOON.radius_m)
SCENES = {
    "equator": dict(azimuth=10),
    "antimeridian": dict(lon=179.8, lat=30, azimuth=40),
    "north pole": dict(lon=20, lat=89, azimuth=0),
    "south pole": dict(lon=20, lat=-89, azimuth=180),
    "mirrored": dict(lat=40, azimuth=190, mirrored=True),
    "aside": dict(lat=50, azimuth=340, roll=25),
}


@dataclass(frozen=True)
class Bumps:
    """A made-up surface: waves of a height and length (m) on a sphere; rays hit the sphere."""

    height_m: float
    length_m: float

    def hit(self, origins, directions):
        return SPHERE.hit(origins, directions)

    def at(self, lon, lat):
        wave = np.sin(np.radians(lon) * MOON.radius_m / self.length_m * 2 * np.pi)
        return SPHERE.at(lon, lat) * (1 + self.height_m * wave / MOON.radius_m)[..., None]


def grid_of(camera, gsd_m=100.0, surface=SPHERE):
    outline = footprint(camera, surface, 32)
    return grid_around(*outline, choose_crs(*outline, MOON), gsd_m, MOON.radius_m)


@functools.cache
def view_of(name, width=300, height=700):
    camera = StraightFlight(width, height, **SCENES[name])
    return MapView(camera, SPHERE, grid_of(camera), MOON.radius_m)


def collected(projected):
    """All blocks as one: pixels, validity."""
    grid = projected.grid
    shape, bands = (grid.height, grid.width), projected.source.bands
    pixels = np.zeros(shape if bands == 1 else (bands, *shape), projected.source.dtype)
    valid = np.zeros(shape, int)
    for window, block, block_valid in projected.blocks:
        area = window.slices_within(Window(0, 0, grid.width, grid.height))
        pixels[..., *area] = block
        valid[area] += 1 + block_valid
    assert (valid > 0).all()
    return pixels, valid == 2


def exact(view):
    """The image's pixel (rows, columns, 2) at each of the map's centres, by the exact camera."""
    return view.image_xy(*np.meshgrid(np.arange(view.grid.width) + 0.5, np.arange(view.grid.height) + 0.5))


def projected_places(view, **options):
    """The image's columns and rows as they arrive on the map (rows, columns, 2), and where they are valid."""
    size = view.camera.width, view.camera.height
    sources = Painted(*size, lambda col, row: col), Painted(*size, lambda col, row: row)
    both = [collected(remap_image(view.camera, view.surface, s, view.grid, MOON.radius_m, **options)) for s in sources]
    return np.stack([pixels for pixels, _ in both], axis=-1), both[0][1]


@pytest.mark.parametrize("name", SCENES)
def test_every_pixel_is_where_the_exact_camera_sees_it(name):
    view = view_of(name)
    found, valid = projected_places(view)
    expected = exact(view)
    size = np.array([view.camera.width, view.camera.height])
    well_inside = ((expected > 0.6) & (expected < size - 0.6)).all(axis=-1)
    outside = ~((expected > -0.1) & (expected < size + 0.1)).all(axis=-1)
    off = np.linalg.norm(found - expected, axis=-1)[well_inside]
    error = compute_inverse_grid(view).error_px
    assert valid[well_inside].all()
    assert not valid[outside].any()
    assert well_inside.sum() > 0.9 * np.prod(size)
    assert off.max() <= error / 2 + 2e-4
    assert error <= inverse.TOLERANCE_PX


@pytest.mark.parametrize("name", SCENES)
def test_nodes_are_exact(name):
    """Linear between the camera's own coordinates, to the last pixel of the map."""
    view = view_of(name)
    grid = compute_inverse_grid(view)
    places = exact(view)
    for nodes in grid.nodes(Window(0, 0, view.grid.width, view.grid.height)):
        mine = places[nodes.row : nodes.row + 256 : nodes.spacing, nodes.col : nodes.col + 256 : nodes.spacing]
        np.testing.assert_array_equal(nodes.image_xy[: mine.shape[0], : mine.shape[1]].round(9), mine.round(9))


@pytest.mark.parametrize(("tolerance", "spacing"), [(0.3, 16), (0.1, 8), (0.01, 2), (0.0, 1)])
def test_spacing_follows_the_tolerance(tolerance, spacing):
    """130 km of the Moon in 1300 px are strongly curved. The error goes with the square of the spacing."""
    view = view_of("aside", 100, 1300)
    grid = compute_inverse_grid(view, tolerance)
    assert grid.error_px <= tolerance
    assert grid.spacing_px == spacing


@given(
    st.floats(-180, 180), st.floats(-88, 88), st.floats(0, 360), st.floats(-25, 25), st.booleans(), st.floats(60, 140)
)
@settings(max_examples=8)
def test_errors_are_as_recorded(lon, lat, azimuth, roll, mirrored, gsd_m):
    """At places that were no nodes."""
    camera = StraightFlight(300, 200, lon=lon, lat=lat, azimuth=azimuth, roll=roll, mirrored=mirrored)
    view = MapView(camera, SPHERE, grid_of(camera, gsd_m), MOON.radius_m)
    projected = remap_image(camera, SPHERE, Painted(300, 200, lambda col, row: col), view.grid, MOON.radius_m)
    pixels, valid = collected(projected)
    row, col = np.nonzero(valid)
    some = np.arange(0, len(row), 7)
    expected = view.image_xy(col[some] + 0.5, row[some] + 0.5)
    inside = (np.abs(expected - [150, 100]) < [148, 98]).all(axis=-1)
    off = np.abs(pixels[row[some], col[some]] - expected[:, 0])[inside]
    assert off.max() <= projected.error_px + 0.02 * (max(projected.samples) > 1) + 2e-4
    assert projected.error_px <= 0.1


def test_an_ellipsoid():
    """Of Mars: 20 km flatter at the poles. The map is on the sphere and shows the same latitudes."""
    mars = find_body("Mars")
    surface = Ellipsoid(3396190.0, 3376200.0)
    camera = StraightFlight(400, 600, radius_m=3376200.0, lat=40, azimuth=20, altitude_m=400_000)
    outline = footprint(camera, surface, 32)
    grid = grid_around(*outline, choose_crs(*outline, mars), 100, mars.radius_m)
    view = MapView(camera, surface, grid, mars.radius_m)
    found, valid = projected_places(view)
    inside = (np.abs(exact(view) - [200, 300]) < [199, 299]).all(axis=-1)
    assert valid[inside].all()
    assert np.linalg.norm(found - exact(view), axis=-1)[inside].max() < 0.05


@pytest.mark.parametrize(("height_m", "length_m", "most"), [(10, 40_000, 32), (100, 10_000, 8), (1000, 2000, 2)])
def test_rough_ground_gets_denser_nodes(height_m, length_m, most):
    """Waves, seen 25 degrees from the side."""
    view = replace(view_of("aside", 300, 300), surface=Bumps(height_m, length_m))
    grid = compute_inverse_grid(view)
    assert grid.error_px <= 0.1
    assert grid.spacing_px <= most
    found, valid = projected_places(view)
    expected = exact(view)
    inside = (np.abs(expected - [150, 150]) < [149, 149]).all(axis=-1)
    assert valid[inside].all()
    assert np.linalg.norm(found - expected, axis=-1)[inside].max() < 0.1


def test_where_the_camera_sees_no_ground_nothing_is_valid():
    """The upper half of the map has no ground: an elevation model ends there, in the middle of a cell."""

    class Half(Bumps):
        def at(self, lon, lat):
            return np.where((lat < 0.3)[..., None], SPHERE.at(lon, lat), np.nan)

    view = replace(view_of("equator", 300, 300), surface=Half(0, 1))
    places = exact(view)
    inside = (np.abs(places - [150, 150]) < [149, 149]).all(axis=-1)
    assert 0.2 < inside.sum() / 300**2 < 0.8
    _, valid = projected_places(view)
    assert valid[inside].all()
    assert not valid[np.isnan(places[..., 0])].any()
    assert compute_inverse_grid(view).spacing_px == 1


def test_an_image_that_lies_elsewhere():
    view = view_of("equator", 300, 300)
    away = replace(view.camera, lat=45)
    projected = remap_image(away, SPHERE, Painted(300, 300, lambda col, row: col), view.grid, MOON.radius_m)
    pixels, valid = collected(projected)
    assert not valid.any()
    assert not pixels.any()
    assert (projected.error_px, projected.spacing_px) == (0, 0)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("name", "value"), [("READ_PX", 50_000), ("READ_PX", 2000), ("OUTPUT_WINDOW_PX", (512, 256))])
@pytest.mark.parametrize("gsd_m", [100, 240])
def test_blocks_bands_and_threads_do_not_matter(threads, name, value, gsd_m, monkeypatch):
    camera = StraightFlight(1100, 1300, lat=30, azimuth=40)
    noise = np.random.default_rng(0).integers(0, 255, (1300, 1100))
    source = Painted(
        1100, 1300, lambda col, row: noise[row.astype(int), col.astype(int)], "uint8",
        lambda col, row: noise[row.astype(int), col.astype(int)] < 9,
    )  # fmt: skip
    grid = grid_of(camera, gsd_m)
    plain = collected(remap_image(camera, SPHERE, source, grid, MOON.radius_m))
    monkeypatch.setattr(remap, name, value)
    other = collected(remap_image(camera, SPHERE, source, grid, MOON.radius_m, threads))
    assert plain[1].any()
    for one, two in zip(plain, other, strict=True):
        np.testing.assert_array_equal(one, two)


def test_dense_nodes_are_the_same_whether_kept_or_not(monkeypatch):
    view = replace(view_of("aside", 300, 300), surface=Bumps(100, 10_000))
    kept = projected_places(view)
    monkeypatch.setattr(inverse, "CACHE_BYTES", 0)
    for one, two in zip(kept, projected_places(view), strict=True):
        np.testing.assert_array_equal(one, two)


def plain_bilinear(image, valid, x, y):
    """Reference, one place at a time."""
    height, width = image.shape
    if not (0 <= x <= width and 0 <= y <= height):
        return 0, False
    total, share, all_valid = 0.0, 0.0, True
    for r in (int(np.floor(y - 0.5)), int(np.floor(y - 0.5)) + 1):
        for c in (int(np.floor(x - 0.5)), int(np.floor(x - 0.5)) + 1):
            across, down = 1 - abs(c + 0.5 - x), 1 - abs(r + 0.5 - y)
            if across >= 1e-3 and down >= 1e-3:
                row, col = min(max(r, 0), height - 1), min(max(c, 0), width - 1)
                all_valid &= bool(valid[row, col])
                total, share = total + across * down * image[row, col], share + across * down
    return total / share, all_valid


def plain_pixel(view, image, valid, samples, place):
    """Reference: the mean of values all over a pixel of the map, at the exact camera's places."""
    values = []
    for n, m in np.ndindex(samples[1], samples[0]):
        x, y = view.image_xy(*np.array([[place[0] + (m + 0.5) / samples[0]], [place[1] + (n + 0.5) / samples[1]]]))[0]
        values.append(plain_bilinear(image, valid, x, y))
    known = [value for value, is_valid in values if is_valid]
    return (np.mean(known), True) if known and 2 * len(known) >= len(values) else (0, False)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("gsd_m", [80, 190, 270])
def test_pixels_agree_with_a_plain_reference(dtype, gsd_m, monkeypatch):
    """Nodes at every pixel, noise with holes, pixels of the map finer and coarser than the image's."""
    monkeypatch.setattr(remap, "compute_inverse_grid", lambda view: compute_inverse_grid(view, 1e-6))
    camera = StraightFlight(36, 30, lat=30, azimuth=40)
    rng = np.random.default_rng(1)
    noise, holes = rng.integers(0, 255, (30, 36)).astype(dtype), rng.random((30, 36)) < 0.05
    pick = lambda array: lambda col, row: array[row.astype(int), col.astype(int)]  # noqa: E731
    source = Painted(36, 30, pick(noise), dtype, pick(holes))
    view = MapView(camera, SPHERE, grid_of(camera, gsd_m), MOON.radius_m)
    projected = remap_image(camera, SPHERE, source, view.grid, MOON.radius_m)
    assert projected.samples == {80: (1, 1), 190: (2, 2), 270: (3, 3)}[gsd_m]
    pixels, valid = collected(projected)
    expected = np.array([
        [plain_pixel(view, noise, ~holes, projected.samples, (c, r)) for c in range(view.grid.width)]
        for r in range(view.grid.height)
    ])  # fmt: skip
    np.testing.assert_array_equal(valid, expected[..., 1] == 1)
    rounding = 0.501 if dtype != "float32" else 1e-2
    assert np.abs(pixels - expected[..., 0])[valid].max() <= rounding
    assert 0.3 < valid.mean() < 1


def test_a_map_as_the_image_keeps_its_pixels():
    """A map whose pixels are the image's: nothing is interpolated, nothing lost at the border."""
    camera = StraightFlight(64, 70)
    grid = grid_of(camera)
    source = Painted(64, 70, lambda col, row: col + 100 * row, "float32")

    class Map(StraightFlight):
        """Sees the map's own pixels, turned upside down."""

        def to_image(self, points):
            lon, lat = (
                np.degrees(v) for v in (np.arctan2(*points[:, 1::-1].T), np.arcsin(points[:, 2] / MOON.radius_m))
            )
            x, y = np.radians(lon) * MOON.radius_m, np.radians(lat) * MOON.radius_m
            col, row = grid.to_pixel(x, y)
            return col, 70 - row

    pixels, valid = collected(remap_image(Map(64, 70), SPHERE, source, grid, MOON.radius_m))
    col, row = np.meshgrid(np.arange(64) + 0.5, 69.5 - np.arange(70))
    assert valid[:70, :64].all()
    np.testing.assert_allclose(pixels[:70, :64], col + 100 * row, atol=1e-2)


def test_averages_keep_the_mean():
    """A checkerboard of 0 and 100 is 50 from afar, and not one of them."""
    camera = StraightFlight(800, 800, azimuth=33)
    source = Painted(800, 800, lambda col, row: 100 * ((col + row) % 2 < 1))
    pixels, valid = collected(remap_image(camera, SPHERE, source, grid_of(camera, 1000), MOON.radius_m))
    assert valid.any()
    assert np.abs(pixels[valid] - 50).max() < 5


def test_sizes_must_agree():
    view = view_of("equator", 300, 300)
    with pytest.raises(OrbitileError, match=r"300 x 301 px, but its camera 300 x 300"):
        remap_image(view.camera, SPHERE, Painted(300, 301, lambda col, row: col), view.grid, MOON.radius_m)


def test_memory_does_not_grow_with_the_map():
    """Of a map 30 times as long, whose pixels alone would take 60 MB."""
    camera = StraightFlight(500, 15_000)
    source = Painted(500, 15_000, lambda col, row: col)
    projected = remap_image(camera, SPHERE, source, grid_of(camera), MOON.radius_m)
    next(projected.blocks)
    tracemalloc.start()
    count = sum(valid.sum() for _, _, valid in projected.blocks)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count > 0.99 * 500 * 15_000
    assert peak < 25e6


def test_rasters_are_sources(geotiff, tmp_path):
    """From one file to another."""
    noise = np.random.default_rng(0).integers(1, 255, (300, 200)).astype(np.uint8)
    noise[100:110] = 0
    path = geotiff(noise, nodata=0)
    camera = StraightFlight(200, 300, azimuth=180)
    with rasterio.open(path) as image:
        source = RasterPixels(image)
        assert (source.width, source.height, source.dtype) == (200, 300, "uint8")
        projected = remap_image(camera, SPHERE, source, grid_of(camera), MOON.radius_m)
        write_cog(tmp_path / "map.tif", projected.grid, PixelType(source.dtype, None), projected.blocks)
        pixels, valid = collected(projected)
    with rasterio.open(tmp_path / "map.tif") as written:
        np.testing.assert_array_equal(written.read(1), pixels)
        np.testing.assert_array_equal(written.read_masks(1) > 0, valid)
    assert 0.9 < valid.sum() / noise.size < 0.97


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("gsd_m", [100, 240])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_bands_land_where_each_would_alone(threads, gsd_m, dtype, monkeypatch):
    """Bit for bit, with holes in all of them at once, read in small parts."""
    monkeypatch.setattr(remap, "READ_PX", 300_000)
    camera = StraightFlight(500, 600, lat=30, azimuth=40)
    noise = np.random.default_rng(0).integers(0, 255, (3, 600, 500))
    pick = lambda bands: lambda col, row: noise[bands, row.astype(int), col.astype(int)]  # noqa: E731
    together, *apart = [
        Painted(500, 600, pick(bands), dtype, lambda col, row: pick(0)(col, row) < 9, 3 if bands == slice(None) else 1)
        for bands in (slice(None), 0, 1, 2)
    ]
    grid = grid_of(camera, gsd_m)
    pixels, valid = collected(remap_image(camera, SPHERE, together, grid, MOON.radius_m, threads))
    assert pixels.shape == (3, grid.height, grid.width)
    for band, source in zip(pixels, apart, strict=True):
        expected, expected_valid = collected(remap_image(camera, SPHERE, source, grid, MOON.radius_m))
        np.testing.assert_array_equal(valid, expected_valid)
        np.testing.assert_array_equal(band, expected)
    assert valid.any()


def test_no_more_values_are_read_at_once_with_more_bands(monkeypatch):
    """The limit counts values of all bands."""
    monkeypatch.setattr(remap, "READ_PX", 100_000)
    areas = []

    class Watched(Painted):
        def read(self, window):
            areas.append(window.width * window.height * self.bands)
            return super().read(window)

    camera = StraightFlight(500, 600)
    source = Watched(500, 600, lambda col, row: np.stack([col, row, col + row]), bands=3)
    collected(remap_image(camera, SPHERE, source, grid_of(camera), MOON.radius_m))
    assert max(areas) <= 100_000
