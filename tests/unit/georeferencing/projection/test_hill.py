"""A made-up hill of 2 km, seen by a made-up camera 30 degrees off the vertical, on its way onto the map."""

import numpy as np
import pytest
from hills import HILL_M, MOON, hill
from pyproj import CRS
from scipy.spatial.transform import Rotation

from orbitile.georeferencing.cameras.distortion import NoDistortion
from orbitile.georeferencing.cameras.frame import FrameCamera
from orbitile.georeferencing.cameras.optics import Detector, Optics
from orbitile.georeferencing.cameras.surfaces import Ellipsoid
from orbitile.georeferencing.projection.choose_crs import grid_around
from orbitile.georeferencing.projection.remap import remap_image
from orbitile.space.ground import Ground, destination, distance

SIZE = 1000
GSD_M = 25.0
SPHERE = Ellipsoid(MOON.radius_m, MOON.radius_m)
TOP = np.array([20.0]), np.array([10.0])


def slanting_camera(range_m=100e3, slant_deg=30):
    """A frame of 1000 x 1000 pixels of 25 m that looks at the hill's top from the east."""
    target = hill().at(*TOP)[0]
    up = target / np.linalg.norm(target)
    east = np.cross([0.0, 0.0, 1.0], up)
    east /= np.linalg.norm(east)
    away = np.cos(np.radians(slant_deg)) * up + np.sin(np.radians(slant_deg)) * east
    look, down = -away, np.cross(east, up)
    axes = np.column_stack([np.cross(down, look), down, look])
    focal_mm = range_m / GSD_M / 100  # a hundred pixels to the millimetre
    optics = Optics(focal_mm, NoDistortion(), (SIZE / 2, SIZE / 2), (0, 100, 0), (0, 0, 100))
    return FrameCamera(SIZE, SIZE, optics, Detector(), target + range_m * away, Rotation.from_matrix(axes))


class Painted:
    """What the camera sees of spots, a pixel each around the places where it sees them, on dark ground."""

    width = height = SIZE
    dtype, bands = "uint8", 1

    def __init__(self, camera, surface, spots):
        self.pixels = np.ones((SIZE, SIZE), np.uint8)
        for col, row in zip(*camera.to_image(surface.at(*spots)), strict=True):
            self.pixels[round(row) - 2 : round(row) + 2, round(col) - 2 : round(col) + 2] = 200

    def read(self, window):
        part = self.pixels[window.row : window.row + window.height, window.col : window.col + window.width]
        return part, np.ones(part.shape, bool)


def found_at(surface, source, camera):
    """Where the bright spots' middle lies on the map that an image is projected to with a surface."""
    lon, lat = destination(*TOP, [-8e3, 8e3, 8e3, -8e3], [8e3, 8e3, -8e3, -8e3], MOON.radius_m)
    grid = grid_around(lon, lat, CRS("IAU_2015:30110").to_wkt(), GSD_M, MOON.radius_m)
    projected = remap_image(camera, surface, source, grid, MOON.radius_m)
    weight = np.zeros((grid.height, grid.width))
    for window, pixels, valid in projected.blocks:
        rows, columns = slice(window.row, window.row + window.height), slice(window.col, window.col + window.width)
        weight[rows, columns] = np.where(valid, pixels.astype(float) - 1, 0)
    row, col = (np.average(index + 0.5, weights=weight) for index in np.indices(weight.shape))
    assert projected.error_px < 0.1
    return Ground(grid.crs_wkt, MOON.radius_m).lonlat(*grid.to_map(col, row))


def off_m(found, place):
    return float(distance(*found, *place)[0] * MOON.radius_m)


def test_the_top_lands_where_it_is():
    camera, heights = slanting_camera(), hill()
    image = Painted(camera, heights, TOP)
    assert off_m(found_at(heights, image, camera), TOP) < GSD_M


def test_without_the_elevation_model_it_would_land_1_15_km_off():
    camera = slanting_camera()
    image = Painted(camera, hill(), TOP)
    expected = HILL_M * np.tan(np.radians(30))
    assert off_m(found_at(SPHERE, image, camera), TOP) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(("east_m", "north_m"), [(3000, 0), (-3000, 0), (0, 4000), (2000, -5000)])
def test_spots_on_the_slopes_land_where_they_are(east_m, north_m):
    camera, heights = slanting_camera(), hill()
    place = destination(*TOP, [east_m], [north_m], MOON.radius_m)
    assert off_m(found_at(heights, Painted(camera, heights, place), camera), place) < GSD_M
