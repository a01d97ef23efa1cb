import logging

import geopandas
import pytest
import shapely
from planted_craters import MOON, box_km2

from orbitile.base.errors import OrbitileError
from orbitile.counting.areas import folder_names, read_areas, read_polygons_as_one
from orbitile.features.shapes.lonlat_shapes import area_on_sphere_km2

BOX = shapely.box(10, 0, 12, 2)
BOWTIE = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])


@pytest.fixture
def file(tmp_path):
    """Writes shapes with names to a GeoPackage."""

    def write(shapes, crs=MOON.crs, column="name", names=None):
        names = [f"n{number}" for number in range(len(shapes))] if names is None else names
        path = tmp_path / "areas.gpkg"
        geopandas.GeoDataFrame({column: names}, geometry=shapes, crs=crs).to_file(path)
        return path

    return write


def names(areas):
    return [area.name for area in areas]


def test_areas_come_with_their_names_in_degrees(file):
    areas, refused = read_areas(file([BOX, shapely.box(178, 0, 184, 2)]), MOON)
    assert names(areas) == ["n0", "n1"] and refused == []
    assert area_on_sphere_km2(areas[0].shape, MOON.radius_m) == pytest.approx(box_km2(10, 0, 12, 2), rel=1e-5)
    assert area_on_sphere_km2(areas[1].shape, MOON.radius_m) == pytest.approx(box_km2(0, 0, 6, 2), rel=1e-5)
    assert areas[1].shape.bounds == pytest.approx((-180, 0, 180, 2))


def test_areas_of_any_map(file):
    metres = geopandas.GeoSeries([shapely.segmentize(BOX, 0.1)], crs=MOON.crs).to_crs("IAU_2015:30110").to_numpy()
    areas, _ = read_areas(file(metres, "IAU_2015:30110"), MOON)
    assert area_on_sphere_km2(areas[0].shape, MOON.radius_m) == pytest.approx(box_km2(10, 0, 12, 2), rel=1e-4)


@pytest.mark.parametrize(
    ("column", "given", "name_column", "expected"),
    [
        ("name", ["A", "B"], None, ["A", "B"]),
        ("Unit", ["A", "B"], "unit", ["A", "B"]),
        ("Unit", ["A", "B"], None, ["area-1", "area-2"]),
        ("name", ["A", None], None, ["A", "area-2"]),
        ("name", [" A  b\n", ""], None, ["A b", "area-2"]),
        ("name", [7, 8], None, ["7", "8"]),
        ("name", ["A", "A"], None, ["A"]),
    ],
)
def test_names_of_areas(file, column, given, name_column, expected):
    path = file([BOX, shapely.box(20, 0, 21, 1)], column=column, names=given)
    assert names(read_areas(path, MOON, name_column).areas) == expected


def test_features_of_one_name_are_one_area(file):
    (area,), _ = read_areas(file([BOX, shapely.box(11, 0, 13, 2)], names=["A", "A"]), MOON)
    assert area_on_sphere_km2(area.shape, MOON.radius_m) == pytest.approx(box_km2(10, 0, 13, 2), rel=1e-5)


def test_a_bad_area_does_not_stop_the_others(file, caplog):
    shapes = [shapely.LineString([(0, 0), (1, 1)]), BOX, None, shapely.Polygon(), shapely.box(0, 95, 1, 99)]
    with caplog.at_level(logging.WARNING):
        areas, refused = read_areas(file(shapes), MOON)
    assert names(areas) == ["n1"]
    assert [area.name for area in refused] == ["n0", "n2", "n3", "n4"]
    assert "is a LineString" in refused[0].reason and "no geometry" in refused[1].reason
    assert "off the body" in refused[3].reason
    assert all("\n" not in area.reason for area in refused)
    assert "area n0: left out" in caplog.text


def test_an_area_that_crosses_itself_is_mended_and_says_so(file):
    (area,), refused = read_areas(file([BOWTIE]), MOON)
    assert refused == [] and "crosses itself" in area.note
    assert area_on_sphere_km2(area.shape, MOON.radius_m) == pytest.approx(box_km2(0, 0, 2, 1), rel=1e-3)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (dict(crs="IAU_2015:49900"), "is not one of Moon"),
        (dict(crs=None), "has no coordinate reference system"),
    ],
)
def test_a_file_of_another_body_or_of_none_is_refused_in_a_line(file, options, reason):
    path = file([BOX, BOX], **options)
    with pytest.raises(OrbitileError, match=reason) as caught:
        read_areas(path, MOON)
    assert str(caught.value).count("areas.gpkg") == 1 and "(and 1 areas more)" in str(caught.value)


def test_a_column_that_is_not_there_is_refused(file):
    with pytest.raises(OrbitileError, match=r"no column 'unit', which counting.name_column names; it has name"):
        read_areas(file([BOX]), MOON, "unit")


def test_a_file_without_areas_is_refused(file):
    with pytest.raises(OrbitileError, match="holds no polygon"):
        read_areas(file([]), MOON)


def test_what_is_excluded_is_one_shape(file):
    shape = read_polygons_as_one(file([BOX, shapely.box(11, 0, 13, 2), shapely.box(40, 0, 41, 1)]), MOON)
    assert shape.geom_type == "MultiPolygon" and len(shape.geoms) == 2


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["Mare Ingenii", "Mare/Ingenii"], ["Mare_Ingenii", "Mare_Ingenii-2"]),
        (["a", "A", "a"], ["a", "A-2", "a-3"]),
        (["..", "counts.json"], ["area", "counts_json"]),
        (["x" * 300], ["x" * 64]),
        (["Ä"], ["area"]),
    ],
)
def test_folders_have_plain_names_of_their_own(given, expected):
    assert folder_names(given) == expected
