"""Shapes that reach around the body cover, on every map, the pixels whose places lie in them."""

import geopandas
import numpy as np
import pytest
import shapely
from affine import Affine
from pyproj import CRS

from orbitile.features.labels.burn import may_reach, shapes_on_grid
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground
from orbitile.tables.layer_geometry import checked_geometry
from orbitile.tables.wide_shapes import bounding_circles, cut_wide_shapes

RADIUS = 1_737_400
HALF = np.pi * RADIUS
DEGREES, EQUATOR, POLE = "IAU_2015:30100", "+proj=eqc +R=1737400", "+proj=stere +lat_0=90 +R=1737400"
GRIDS = {
    "0 E": (EQUATOR, -3e4, 3e4), "180 E": ("+proj=eqc +R=1737400 +lon_0=180", -3e4, 3e4), "pole": (POLE, -3e4, 3e4),
    "near the pole": (POLE, -2e5, 1e5), "south": ("+proj=stere +lat_0=-90 +R=1737400", 5e4, 8e4),
    "pole as a line": (EQUATOR, -3e4, HALF / 2),
}  # fmt: skip
AREAS = {
    "the body": (DEGREES, shapely.box(-180, -90, 180, 90), lambda lon, lat: lon < 999),
    "the body in metres": (EQUATOR, shapely.box(-HALF, -HALF / 2, HALF, HALF / 2), lambda lon, lat: lon < 999),
    "north": (DEGREES, shapely.box(0, 60, 360, 90), lambda lon, lat: lat > 60),
    "south": (DEGREES, shapely.box(-180, -90, 180, -60), lambda lon, lat: lat < -60),
    "a belt": (DEGREES, shapely.box(-180, -60, 180, 60), lambda lon, lat: abs(lat) < 60),
    "east": (DEGREES, shapely.box(0, -90, 180, 90), lambda lon, lat: lon > 0),
    "a cap": (POLE, shapely.Point(0, 0).buffer(5e5, 64), lambda lon, lat: lat > 75),
}


def polygons(crs, *shapes):
    return geopandas.GeoDataFrame(geometry=list(shapes), crs=CRS(crs))


@pytest.mark.parametrize("area", AREAS)
def test_wide_areas_on_all_maps(moon, area):
    crs, shape, holds = AREAS[area]
    geometry = checked_geometry(polygons(crs, shape), "a.gpkg", moon).geometry.to_numpy()
    circles = bounding_circles(geometry, Ground(CRS(crs).to_wkt(), RADIUS))
    for name, (map_crs, left, top) in GRIDS.items():
        grid = Grid(CRS(map_crs).to_wkt(), Affine(1000, 0, left, 0, -1000, top), 60, 60)
        near = geometry[may_reach(*circles, grid, RADIUS, 0)]
        shapes, _ = shapes_on_grid(near, CRS(crs).to_wkt(), grid, RADIUS)
        row, col = np.mgrid[0:60, 0:60].reshape(2, -1) + 0.5
        covered = shapely.contains_xy(shapely.union_all(shapely.make_valid(shapes)), col, row)
        expected = holds(*Ground(grid.crs_wkt, RADIUS).lonlat(*grid.to_map(col, row)))
        assert np.array_equal(covered, expected), name


def test_ordinary_shapes_are_the_very_same():
    shapes = np.array([shapely.box(0, 0, 9, 9), shapely.LineString([(175, 0), (185, 5)])], object)
    pieces, owner = cut_wide_shapes(shapes, Ground(CRS(DEGREES).to_wkt(), RADIUS))
    assert owner.tolist() == [0, 1]
    assert all(piece is shape for piece, shape in zip(pieces, shapes, strict=True))


def test_pieces_are_small_and_know_their_shapes():
    shapes = np.array([shapely.box(0, 0, 1, 1), shapely.box(0, -20, 170, 20)], object)
    ground = Ground(CRS(DEGREES).to_wkt(), RADIUS)
    pieces, owner = cut_wide_shapes(shapes, ground)
    assert owner.tolist() == sorted(owner) and (owner == 0).sum() == 1
    assert bounding_circles(pieces, ground)[1].max() < np.radians(8)
    assert shapely.area(pieces).sum() == pytest.approx(1 + 170 * 40)
