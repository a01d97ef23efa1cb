"""Labels known at single places, as the second band of label rasters."""

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.features.labels.burn import count_burnt_points, write_label_raster
from orbitile.features.labels.read import LabelFields, read_labels, read_point_labels
from orbitile.space.grids import Window
from orbitile.training.segmentation.tiles import NOT_VALID, read_label_window, read_point_window

MAP, DEGREES = "IAU_2015:30110", "IAU_2015:30100"
FIELDS = LabelFields(class_field="kind", classes=("rock", "sand"))
GSD = 100
WINDOW = Window(0, 0, 24, 24)


@pytest.fixture
def drawn(tmp_path):
    """Writes shapes, drawn in pixels of a scene of 24 x 24 px of 100 m at the map's origin, with columns."""

    def write(shapes, name="points.gpkg", crs=MAP, **columns):
        shapes = [shapely.transform(shape, lambda p: p * [GSD, -GSD]) for shape in shapes]
        frame = geopandas.GeoDataFrame(columns, geometry=shapes, crs=CRS(MAP)).to_crs(CRS(crs))
        pyogrio.write_dataframe(frame, tmp_path / name)
        return str(tmp_path / name)

    return write


def burnt(row, labels, points, tmp_path):
    """The two planes of the label raster, and the number of points in it."""
    path = str(tmp_path / "labels.tif")
    write_label_raster(row, labels, path, points=points)
    with rasterio.open(path) as source:
        assert (source.count, source.descriptions) == (2, ("labels", "points"))
        planes = read_label_window(source, WINDOW), read_point_window(source, WINDOW)
    return *planes, count_burnt_points(path, row, points)


@pytest.mark.parametrize("crs", [MAP, DEGREES])
def test_points_become_discs_of_their_class_beside_the_labels(raster, moon, drawn, tmp_path, crs):
    """Of a radius of 1 px around the middle of a pixel: that and its four neighbours."""
    valid = np.ones((24, 24), bool)
    valid[:, 20:] = False
    row = raster(np.full((24, 24), 9, np.uint8), valid=valid)
    labels = read_labels(drawn([shapely.box(0, 0, 24, 4)], "areas.gpkg", kind=["sand"]), moon, FIELDS)
    places = [shapely.Point(5.5, 5.5), shapely.Point(10.5, 2.5), shapely.Point(22.5, 9.5), shapely.Point(99, 9)]
    manifold = shapely.MultiPoint([(5.5, 15.5), (15.5, 15.5)])
    path = drawn([*places, manifold], crs=crs, kind=["Rock", "background", "rock", "rock", "sand"])
    points = read_point_labels([path], moon, FIELDS, 1.001)
    plane, point_plane, count = burnt(row, labels, points, tmp_path)
    expected = np.full((24, 24), NOT_VALID)
    for col, line, number in ((5, 5, 1), (10, 2, 0), (5, 15, 2), (15, 15, 2)):
        expected[line - 1 : line + 2, col] = expected[line, col - 1 : col + 2] = number
    assert point_plane.tolist() == expected.tolist()
    assert np.array_equal(plane[:4, :20], np.full((4, 20), 2))
    assert (plane[:, 20:] == NOT_VALID).all()
    assert (len(points), count) == (6, 4)


def test_a_scene_may_have_no_point(raster, moon, drawn, tmp_path):
    """Where scenes have no map, points name theirs."""
    row, fields = raster(np.full((24, 24), 9, np.uint8)), LabelFields(unmapped_scenes=2)
    labels = read_labels(drawn([shapely.box(0, 0, 2, 2)], "areas.gpkg", scene=["b"]), moon, fields)
    points = read_point_labels([drawn([shapely.Point(9.5, 9.5)], scene=["a"])], moon, fields, 1.001)
    _, point_plane, count = burnt(row, labels.of_scene("b"), points.of_scene("b"), tmp_path)
    assert ((point_plane == NOT_VALID).all(), count) == (True, 0)
    _, point_plane, count = burnt(row, labels.of_scene("b"), points.of_scene("a"), tmp_path)
    assert ((point_plane == 1).sum(), count) == (5, 1)


@pytest.mark.parametrize("classes", [1, 253])
def test_the_highest_class_is_no_nodata(raster, moon, drawn, tmp_path, classes):
    names = tuple(f"class_{number}" for number in range(1, classes + 1))
    fields = LabelFields(class_field="kind", classes=names)
    row = raster(np.full((24, 24), 9, np.uint8))
    labels = read_labels(drawn([shapely.box(0, 0, 2, 2)], "areas.gpkg", kind=[names[-1]]), moon, fields)
    points = read_point_labels([drawn([shapely.Point(9.5, 9.5)], kind=[names[-1]])], moon, fields, 1)
    plane, point_plane, count = burnt(row, labels, points, tmp_path)
    assert (plane.max(), point_plane[9, 9], count) == (classes, classes, 1)


def test_a_single_class_needs_no_column(moon, drawn):
    points = read_point_labels([drawn([shapely.Point(1, 1)])], moon, LabelFields(), 1)
    assert points.layers[0].class_.tolist() == [2]


def test_a_label_raster_without_points_has_none(raster, moon, drawn, tmp_path):
    row = raster(np.full((24, 24), 9, np.uint8))
    labels = read_labels(drawn([shapely.box(0, 0, 2, 2)], "areas.gpkg", kind=["rock"]), moon, FIELDS)
    write_label_raster(row, labels, tmp_path / "labels.tif")
    with rasterio.open(tmp_path / "labels.tif") as source:
        assert source.count == 1
        assert (read_point_window(source, WINDOW) == NOT_VALID).all()


@pytest.mark.parametrize(
    ("shapes", "columns", "reason"),
    [
        ([shapely.Point(1, 1)], dict(kind=["lava"]), "row 1: kind is 'lava'; the classes are background, rock, sand"),
        ([shapely.Point(1, 1)], dict(sort=["rock"]), "no column 'kind' for the class of its labels"),
        ([shapely.box(1, 1, 2, 2)], dict(kind=["rock"]), "row 1 is a Polygon; labels of single places are points"),
        ([shapely.Point(1, 1), shapely.Point(np.nan, 1)], dict(kind=["rock"] * 2), "coordinate that is not a number"),
        ([], dict(kind=[]), "no point; mark places, or leave points out"),
    ],
)
def test_other_points_are_refused(moon, drawn, shapes, columns, reason):
    with pytest.raises(OrbitileError, match=reason):
        read_point_labels([drawn(shapes, **columns)], moon, FIELDS, 1)


def test_points_that_are_not_there_are_named(moon, tmp_path):
    with pytest.raises(OrbitileError, match=r"no labels at .*none\.gpkg; check the path"):
        read_point_labels([tmp_path / "none.gpkg"], moon, FIELDS, 1)
