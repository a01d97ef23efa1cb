import numpy as np
import pytest
from pyproj import Transformer

from orbitile.web.tile_maps import MAPS, TILE_PX, CylindricalMap, PolarMap

CYLINDRICAL, NORTH, SOUTH = MAPS
RADIUS_M = 1737400.0


@pytest.mark.parametrize(
    ("tile_map", "lon", "lat", "u", "v"),
    [
        (CYLINDRICAL, -180, 90, 0, 0),
        (CYLINDRICAL, 0, 0, 1, 0.5),
        (CYLINDRICAL, 200, -90, 2 + 20 / 180, 1),
        (NORTH, 0, 90, 0.5, 0.5),
        (NORTH, 0, 60, 0.5, 1),
        (NORTH, 90, 60, 1, 0.5),
        (SOUTH, 0, -60, 0.5, 0),
        (SOUTH, -90, -60, 0, 0.5),
    ],
)
def test_places_on_maps(tile_map, lon, lat, u, v):
    assert np.allclose(tile_map.uv(np.array(lon), np.array(lat)), (u, v))
    assert np.allclose(tile_map.uv(*tile_map.lonlat(np.array(u), np.array(v))), (u, v))


@pytest.mark.parametrize(("tile_map", "pole"), [(NORTH, 90), (SOUTH, -90)])
def test_polar_maps_are_those_of_proj(tile_map, pole):
    to_map = Transformer.from_crs(
        f"+proj=longlat +R={RADIUS_M}", f"+proj=stere +lat_0={pole} +R={RADIUS_M}", always_xy=True
    )
    lon, lat = np.array([0.0, 33, -120, 179]), np.sign(pole) * np.array([61.0, 70, 85, 89.9])
    x, y = to_map.transform(lon, lat)
    side = tile_map.side_radii() * RADIUS_M
    assert np.allclose(tile_map.uv(lon, lat), (0.5 + x / side, 0.5 - y / side))


@pytest.mark.parametrize(
    ("lon", "lat", "box"),
    [
        ([10, 20, 20, 10], [0, 0, 9, 9], (190 / 180, 81 / 180, 200 / 180, 0.5)),
        ([170, -170, -170, 170], [0, 0, 9, 9], (350 / 180, 81 / 180, 370 / 180, 0.5)),
        ([0, 90, 180, -90], [80, 81, 80, 80], (0, 0, 2, 10 / 180)),
        ([0, 90, 180, -90], [-80, -81, -80, -80], (0, 170 / 180, 2, 1)),
    ],
)
def test_boxes_on_the_cylindrical_map(lon, lat, box):
    assert np.allclose(CylindricalMap().box(np.array(lon), np.array(lat)), box)


def test_boxes_on_polar_maps():
    lon, lat = np.array([0, 10, 10, 0]), np.array([50, 50, 70, 70])
    assert SOUTH.box(lon, lat) is None and NORTH.box(lon, np.minimum(lat, 59)) is None
    left, top, right, bottom = PolarMap(1).box(lon, lat)
    assert (left, bottom) == (0.5, 1.0) and 0.5 < top < 1 and 0.5 < right < 1


def test_pixels_halve_with_every_level():
    assert CYLINDRICAL.pixel_m(0, RADIUS_M) == pytest.approx(np.pi * RADIUS_M / TILE_PX)
    assert NORTH.pixel_m(3, RADIUS_M) == pytest.approx(NORTH.pixel_m(0, RADIUS_M) / 8)
