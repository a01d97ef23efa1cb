"""What is mended and what is refused of users' shapes; tests/hostile/test_vectors.py holds files of them."""

import geopandas
import numpy as np
import pytest
import shapely
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.tables.layer_geometry import checked_geometry

DEGREES, MAP, POLAR = "IAU_2015:30100", "IAU_2015:30110", "+proj=stere +lat_0=90 +R=1737400"
BOX = shapely.box(0, 0, 1, 1)


def layer(*shapes, crs=DEGREES):
    return geopandas.GeoDataFrame(dict(n=range(len(shapes))), geometry=list(shapes), crs=CRS(crs))


def checked(moon, *shapes, crs=DEGREES):
    return checked_geometry(layer(*shapes, crs=crs), "a.gpkg", moon)


def refusal(moon, *shapes, crs=DEGREES):
    with pytest.raises(OrbitileError) as caught:
        checked(moon, *shapes, crs=crs)
    assert str(caught.value).startswith("a.gpkg: ")
    return str(caught.value)


def test_sound_shapes_stay_as_they_are(moon, caplog):
    shapes = [BOX, shapely.LineString([(0, 0), (1, 1)]), shapely.MultiPolygon([BOX, shapely.box(5, 5, 6, 6)])]
    assert checked(moon, *shapes).geometry.tolist() == shapes
    assert not caplog.text


def test_what_has_no_extent_is_left_out_with_its_rows(moon, caplog):
    point, line = (1, 1), [(0, 0), (1, 1), (2, 2), (0, 0)]
    shapes = [None, BOX, shapely.Polygon(), shapely.LineString([point, point]), shapely.Polygon(line), BOX]
    assert checked(moon, *shapes).index.tolist() == [1, 5]
    assert "a.gpkg: 2 features without geometry skipped: the features in rows 1, 3" in caplog.text
    assert "a.gpkg: 2 features without extent skipped: the features in rows 4, 5" in caplog.text


def test_polygons_that_cross_themselves_cover_the_same_area(moon, caplog):
    bow_tie = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    overlapping = shapely.MultiPolygon([shapely.box(0, 0, 2, 2), shapely.box(1, 1, 3, 3)])
    mended = checked(moon, BOX, bow_tie, overlapping)
    assert shapely.is_valid(mended.geometry).all()
    assert shapely.area(mended.geometry).tolist() == [1, 2, 7]
    assert "a.gpkg: polygons that cross themselves were mended: the features in rows 2, 3" in caplog.text


def test_heights_are_left_out(moon):
    high = shapely.Polygon([(0, 0, np.nan), (1, 0, 5), (1, 1, np.inf)])
    assert not shapely.has_z(checked(moon, high).geometry).any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_coordinates_are_numbers(moon, value):
    with np.errstate(invalid="ignore"):
        assert "row 2 has a coordinate that is not a number" in refusal(
            moon, BOX, shapely.LineString([(0, 0), (value, 1)])
        )


@pytest.mark.parametrize(
    ("crs", "place"),
    [(DEGREES, (0, 91)), (DEGREES, (541, 0)), (DEGREES, (1000, 2000)), (MAP, (0, 1e8)), (MAP, (1e9, 0)),
     (MAP, (1e300, 0)), ("+proj=ortho +R=1737400", (2e6, 0))],
)  # fmt: skip
def test_shapes_lie_on_the_body(moon, crs, place):
    assert "row 2 lies off the body: x" in refusal(moon, BOX, shapely.LineString([(0, 0), place]), crs=crs)


@pytest.mark.parametrize(("crs", "place"), [(DEGREES, (370, 90)), (DEGREES, (-180, -90.005)), (MAP, (5.6e6, 2.7e6))])
def test_drawings_may_reach_beyond_the_map_s_edge(moon, crs, place):
    line = shapely.LineString([place, (place[0] - 1, 0)])
    assert shapely.length(checked(moon, line, crs=crs).geometry).sum() == pytest.approx(line.length)


def wide(*points):
    return shapely.Polygon(points)


@pytest.mark.parametrize("crs", [DEGREES, MAP])
def test_edges_across_180_e_must_say_which_way_they_run(moon, crs):
    scale = 1 if crs == DEGREES else 1737400 * np.pi / 180
    jumping = wide((179, 0), (-179, 0), (-179, 5), (179, 5))
    jumping = shapely.transform(jumping, lambda xy: xy * scale)
    assert "row 1 has an edge across more than 180 degrees" in refusal(moon, jumping, crs=crs)


@pytest.mark.parametrize(
    "shape",
    [shapely.box(-180, -90, 180, 90), shapely.box(0, -90, 360, 90), shapely.box(0, -60, 360, 60),
     shapely.box(179, 0, 181, 5), wide((-180, 80), (-90, 80), (10, 80), (10, 90), (-180, 90)),
     shapely.box(-80, 0, 80, 5)],
    ids=["the body", "0..360", "a belt", "beyond 180", "along a pole", "wide"],
)  # fmt: skip
def test_what_is_wide_and_clear_is_taken(moon, shape):
    pieces = checked(moon, shape)
    assert shapely.area(pieces.geometry).sum() == pytest.approx(shape.area)
    assert set(pieces.index) == {0}


def test_longitudes_jump_on_polar_maps(moon):
    around = shapely.Point(0, 0).buffer(1e5, quad_segs=2)
    across = shapely.box(-5e4, 1e5, 5e4, 2e5)
    assert set(checked(moon, around, across, crs=POLAR).index) == {0, 1}


def test_an_empty_layer_needs_no_map(moon):
    assert len(checked(moon, crs="EPSG:4326")) == 0
