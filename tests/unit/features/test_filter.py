"""Which polygons of a made-up map are left out; scenes are 100 x 60 pixels of 100 m below the equator at 0 E."""

import json

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from mask_runs import MOON, MaskRun, lying, pieces
from plain_map import feature_layers
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.features.filter import REASONS, FilterArea, PolygonFilters

MAP, DEGREES, POLAR = "IAU_2015:30110", "IAU_2015:30100", "IAU_2015:30130"
PX_M2 = 1e4
SHAPE = (60, 100)
FOUR = [(5, 5, 15, 15), (25, 5, 35, 15), (45, 5, 55, 15), (65, 5, 75, 15)]
"""Boxes of 100 pixels."""


@pytest.fixture(scope="module")
def layer(tmp_path_factory):
    run = MaskRun(tmp_path_factory.mktemp("r")).stitched(lying(SHAPE, *FOUR), pieces(100, 60))
    (one,) = feature_layers(run.outlined(), run.rasters, MOON.radius_m)
    return one


@pytest.fixture
def area(tmp_path):
    """Writes shapes drawn in pixels, on any map, and reads them as an area."""

    def make(*shapes, crs=MAP, name="area.gpkg"):
        on_map = [shape and shapely.transform(shape, lambda xy: xy * [100, -100]) for shape in shapes]
        frame = geopandas.GeoDataFrame(dict(n=range(len(shapes))), geometry=on_map, crs=CRS(MAP)).to_crs(CRS(crs))
        path = tmp_path / name
        if path.suffix == ".parquet":
            frame.to_parquet(path)
        else:
            pyogrio.write_dataframe(frame, path)
        return FilterArea.read(path, MOON)

    return make


def shares(area, layer, reach_px=0):
    return area.covered_shares(layer, MOON.radius_m, reach_px).tolist()


@pytest.mark.parametrize("crs", [MAP, DEGREES, POLAR])
@pytest.mark.parametrize("name", ["area.gpkg", "area.shp", "area.parquet"])
def test_shares_covered_in_any_map_and_format(area, layer, crs, name):
    """Of the first box all, of the second a half and a fifth more, of the third a quarter."""
    boxes = shapely.box(0, 0, 30, 30), shapely.box(28, 0, 32, 30), shapely.box(50, 10, 60, 20)
    assert shares(area(*boxes, crs=crs, name=name), layer) == pytest.approx([1, 0.7, 0.25, 0], abs=2e-3)


def test_lines_have_no_area_but_what_is_close_to_them(area, layer):
    seam = area(shapely.LineString([(30, 0), (30, 60)]))
    assert shares(seam, layer) == [0, 0, 0, 0]
    assert shares(seam, layer, 2) == pytest.approx([0, 0.4, 0, 0], abs=1e-6)


@pytest.mark.parametrize(
    "shapes",
    [
        [shapely.box(25, 0, 30, 60), shapely.LineString([(50, 0), (50, 60)])],
        [shapely.Polygon([(25, 0), (30, 0), (30, 60), (28, 60), (55, 70), (28, 60), (25, 60)])],
        [shapely.box(25, 0, 30, 60), None], [shapely.Polygon(), shapely.box(25, 0, 30, 60)],
    ],
    ids=["a line, too", "a spike", "no geometry, too", "an empty one, too"],
)  # fmt: skip
def test_what_else_is_in_a_file_does_no_harm(area, layer, shapes):
    assert shares(area(*shapes, name="area.parquet"), layer) == pytest.approx([0, 0.5, 0, 0], abs=1e-6)


def test_an_empty_file_covers_nothing(area, layer):
    empty = area()
    assert shares(empty, layer) == [0, 0, 0, 0]
    assert shares(empty, layer, 5) == [0, 0, 0, 0]
    none = PolygonFilters(0, 3, empty, empty, empty).reasons(layer, np.ones(4), MOON.radius_m)
    assert none.tolist() == ["outside the area"] * 4


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.gpkg", None, "cannot be read as vectors"), ("a.gpkg", "hello", "cannot be read as vectors"),
        ("a.parquet", "hello", "cannot be read as vectors"), ("a.csv", "lon,lat\n1,2\n", "holds no shapes"),
        ("a.geojson", json.dumps(dict(type="FeatureCollection", features=[])), "is not one of Moon"),
    ],
)  # fmt: skip
def test_files_that_are_no_areas_are_named_in_one_line(tmp_path, name, content, expected):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(OrbitileError, match=expected) as error:
        FilterArea.read(path, MOON)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_of_several_layers_with_shapes_the_first_counts(tmp_path, caplog):
    path = tmp_path / "a.gpkg"
    pyogrio.write_dataframe(pd.DataFrame(dict(a=[1])), path, layer="notes")
    for name, left in (("first", 0), ("second", 50)):
        frame = geopandas.GeoDataFrame(geometry=[shapely.box(left, 0, left + 9, 9)], crs=CRS(MAP))
        pyogrio.write_dataframe(frame, path, layer=name, append=True)
    assert [shape.bounds for shape in FilterArea.read(path, MOON).geometry] == [(0, 0, 9, 9)]
    assert f"{path}: the file has 2 layers; only the first, first, is read" in caplog.text


def test_a_table_without_geometry_is_named(tmp_path):
    pd.DataFrame(dict(a=[1])).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(OrbitileError, match=r"a\.parquet: cannot be read as vectors"):
        FilterArea.read(tmp_path / "a.parquet", MOON)


@pytest.mark.parametrize(
    ("crs", "expected"),
    [
        (None, "has no coordinate reference system; assign one of Moon"),
        ("IAU_2015:49900", "not one of Moon"),
        ("EPSG:4326", "not one of Moon"),
    ],
)
def test_the_map_must_be_one_of_the_body(tmp_path, crs, expected):
    path = tmp_path / "a.gpkg"
    frame = geopandas.GeoDataFrame(dict(n=[1]), geometry=[shapely.box(0, 0, 1, 1)], crs=crs and CRS(crs))
    pyogrio.write_dataframe(frame, path)
    with pytest.raises(OrbitileError, match=expected) as error:
        PolygonFilters.of(MOON, 0, 0, inside=None, outside=str(path), seams=None)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_filters_without_files():
    assert PolygonFilters.of(MOON, 5.0, 3.0, inside=None, outside=None, seams=None) == PolygonFilters(
        5.0, 3.0, None, None, None
    )


def test_each_polygon_is_left_out_for_the_first_reason_that_holds(area, layer):
    """All reasons hold for the first; one less for each that follows."""
    inside, outside, seams = (
        area(shapely.box(40, 0, 99, 60)),
        area(shapely.box(0, 0, 60, 60)),
        area(shapely.box(0, 0, 80, 9)),
    )
    layer.attributes["near_nodata"] = 100
    sizes = np.array([1.0, 2, 2, 2])
    found = PolygonFilters(2.0, 5.0, inside, outside, seams).reasons(layer, sizes, MOON.radius_m)
    assert found.tolist() == list(REASONS[:4])
    found = PolygonFilters(2.0, 5.0, None, None, None).reasons(layer, sizes, MOON.radius_m)
    assert found.tolist() == [REASONS[0], *[REASONS[4]] * 3]
    found = PolygonFilters(0.0, 0.0, None, None, seams).reasons(layer, sizes, MOON.radius_m)
    assert found.isna().all()
    layer.attributes["near_nodata"] = 0


@pytest.mark.parametrize(("pixels", "expected"), [(50, None), (51, "along nodata")])
def test_more_than_half_of_a_polygon_decides(layer, pixels, expected):
    layer.attributes["near_nodata"] = pixels
    found = PolygonFilters(0.0, 1.0, None, None, None).reasons(layer, np.ones(4), MOON.radius_m)
    layer.attributes["near_nodata"] = 0
    assert [None if pd.isna(one) else one for one in found] == [expected] * 4
