import sqlite3
from itertools import pairwise
from xml.etree import ElementTree as ET

import geopandas
import pytest
import shapely

from orbitile.gis.layer_styles import (
    MARK,
    SEQUENTIAL,
    class_renderer,
    crater_styles,
    diameter_renderer,
    footprint_renderer,
    group_renderer,
    score_renderer,
    style_text,
    write_style_file,
)
from orbitile.pictures.class_colours import class_colours
from orbitile.space.bodies import find_body
from orbitile.tables.vectors import write_vectors


def ranges(renderer):
    return [(float(part.get("lower")), float(part.get("upper"))) for part in renderer.iter("range")]


def colours(renderer):
    """The colours of lines and fills, as #rrggbb, in the order of the symbols."""
    values = [
        option.get("value")
        for option in renderer.iter("Option")
        if option.get("name") in ("line_color", "outline_color")
    ]
    return ["#" + "".join(f"{int(part):02x}" for part in value.split(",")[:3]) for value in values]


@pytest.mark.parametrize("kind", ["Polygon", "Point"])
def test_craters_by_score_are_lighter_the_surer_they_are(kind):
    renderer = score_renderer(kind)
    assert (ranges(renderer)[0][0], ranges(renderer)[-1][1]) == (0, 1)
    assert colours(renderer) == list(SEQUENTIAL)
    luminance = [0.3 * int(c[1:3], 16) + 0.59 * int(c[3:5], 16) + 0.11 * int(c[5:7], 16) for c in SEQUENTIAL]
    assert luminance == sorted(luminance)


@pytest.mark.parametrize(("smallest", "largest"), [(0.2, 300), (4.99, 5.01), (1, 1), (1e-3, 2e-3), (7, 7.5)])
def test_every_diameter_is_in_a_class(smallest, largest):
    limits = ranges(diameter_renderer(smallest, largest))
    assert limits[0][0] <= smallest and limits[-1][1] >= largest
    assert all(lower < upper for lower, upper in limits)
    assert all(before[1] == after[0] for before, after in pairwise(limits))


@pytest.mark.parametrize("kind", ["polygons", "lines"])
def test_classes_have_the_colours_of_pictures(kind):
    classes = [f"class {number}" for number in range(12)]
    renderer = class_renderer(kind, classes)
    assert [category.get("value") for category in renderer.iter("category")] == classes
    assert colours(renderer) == list(class_colours(12)[1:])


def test_symbols_are_those_that_renderers_name():
    for renderer in (score_renderer(), footprint_renderer(), group_renderer(["a", "b"])):
        names = {symbol.get("name") for symbol in renderer.find("symbols")}
        assert {part.get("symbol") for part in (*renderer.iter("range"), *renderer.iter("category"))} <= names


def test_a_style_is_well_formed_and_always_the_same():
    text = style_text(score_renderer())
    assert ET.fromstring(text).find("renderer-v2").get("attr") == "score"
    assert text == style_text(score_renderer())


def test_a_style_of_the_user_stays(tmp_path):
    write_style_file(tmp_path / "craters", dict(score="<!-- -->" + MARK))
    write_style_file(tmp_path / "craters", dict(score="newer" + MARK))
    assert (tmp_path / "craters.qml").read_text().startswith("newer")
    (tmp_path / "craters.qml").write_text("saved from QGIS")
    write_style_file(tmp_path / "craters", dict(score="newest" + MARK))
    assert (tmp_path / "craters.qml").read_text() == "saved from QGIS"


def test_a_geopackage_holds_its_styles(tmp_path):
    frame = geopandas.GeoDataFrame(dict(score=[0.5]), geometry=[shapely.box(0, 0, 1, 1)], crs=find_body("Moon").crs)
    files = []
    for name in ("first", "again"):
        (tmp_path / name).mkdir()
        write_vectors(frame, tmp_path / name / "craters", formats=["gpkg", "shp"], styles=crater_styles((1, 9)))
        with sqlite3.connect(tmp_path / name / "craters.gpkg") as database:
            files.append(database.execute("SELECT * FROM layer_styles").fetchall())
            columns = "f_table_name, f_geometry_column, styleName, useAsDefault"
            rows = database.execute(f"SELECT {columns} FROM layer_styles ORDER BY id").fetchall()
    assert rows == [("craters", "geom", "score", 1), ("craters", "geom", "diameter", 0)]
    assert files[0] == files[1]
    assert geopandas.read_file(tmp_path / "first" / "craters.gpkg", layer="craters")["score"].tolist() == [0.5]
