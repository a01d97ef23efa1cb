import json

import numpy as np
import pyarrow as pa
import pytest
import shapely

from orbitile.space.bodies import find_body
from orbitile.tables.feature_parts import CONTENT, write_features
from orbitile.web.feature_blocks import write_feature_blocks

MOON = find_body("Moon")
SHAPES = [
    shapely.box(10, 20, 10.5, 20.25),
    shapely.box(-179.9, -1, -179.5, -0.5).difference(shapely.box(-179.8, -0.9, -179.7, -0.8)),
]


def write_part(folder, shapes):
    places = [shape.representative_point() for shape in shapes]
    columns = {"class": ["pit", "<b>ridge</b>"], "feature": [0, 1], "scene": ["a", "a"], "scenes": [1, 1]}
    columns |= dict(lon=[place.x for place in places], lat=[place.y for place in places])
    columns |= dict(probability=[0.123456789] * 2, width_m=[np.nan] * 2)
    schema = CONTENT["polygons"]
    filled = {name: columns.get(name, [1.0] * len(shapes)) for name in schema.names[:-1]}
    filled["geometry"] = shapely.to_wkb(shapes)
    methods = dict(a=dict(georef_method="projected", error_m=None))
    write_features(pa.table(filled, schema), "polygons", methods, MOON, folder / "polygons" / "g.parquet")
    return dict(parts=[dict(kind="polygons", path="polygons/g.parquet")])


def read_blocks(folder):
    for path in (folder / "polygons").glob("*.js"):
        text = path.read_text(encoding="ascii")
        yield from json.loads(f"[{text[len('received(') : -3]}]")[1]["features"]


def test_polygons_with_holes_are_as_they_were(tmp_path):
    metadata = write_part(tmp_path, SHAPES)
    about = write_feature_blocks(tmp_path / "polygons.json", metadata, "polygons", tmp_path / "data")
    assert (about["rows"], about["classes"], about["class_counts"]) == (2, ["<b>ridge</b>", "pit"], [1, 1])
    features = {feature["about"]["class"]: feature for feature in read_blocks(tmp_path / "data")}
    for name, shape in zip(("pit", "<b>ridge</b>"), SHAPES, strict=True):
        rings = [np.cumsum(np.reshape(part, (-1, 2)), axis=0) / 1e6 for part in features[name]["parts"]]
        assert shapely.equals_exact(shapely.Polygon(rings[0], rings[1:]).normalize(), shape.normalize(), tolerance=1e-6)
    assert features["pit"]["about"]["probability"] == pytest.approx(0.123457)
    assert "width_m" not in features["pit"]["about"]  # it is not known


def test_a_map_without_features(tmp_path):
    assert write_feature_blocks(tmp_path / "polygons.json", dict(parts=[]), "polygons", tmp_path)["rows"] == 0
