"""Parts of a map: read by place, and small enough pieces at a time."""

import json

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_runs import MOON

from orbitile.base.errors import OrbitileError
from orbitile.tables import feature_parts
from orbitile.tables.datasets import describe_part
from orbitile.tables.feature_parts import (
    CONTENT,
    plain_rows,
    read_features,
    with_multiple_parts,
    write_features,
)
from orbitile.tables.features import KINDS, TYPES

METHODS = {"a": dict(georef_method="projected", error_m=None), "b": dict(georef_method="spice", error_m=20.0)}


def boxes_at(lon, lat, size=0.5):
    """Rows of a map: squares around places, every other one of scene b."""
    frame = pd.DataFrame({name: np.zeros(len(lon), TYPES[name]) for name in KINDS["polygons"]})
    frame = frame.assign(feature=np.arange(1, len(lon) + 1), scale_m=100.0, lon=lon, lat=lat, width_m=np.nan)
    frame = frame.assign(scene=["ab"[n % 2] for n in range(len(lon))], **{"class": "pit"})
    lon, lat = np.asarray(lon, float), np.asarray(lat, float)
    return plain_rows(frame, shapely.box(lon - size, lat - size, lon + size, lat + size), "polygons")


def write_map(folder, **rows_by_group):
    """A map's manifest, of polygons alone."""
    (folder / "polygons").mkdir(exist_ok=True)
    parts = []
    for group, rows in rows_by_group.items():
        path = folder / "polygons" / f"{group}.parquet"
        write_features(rows, "polygons", METHODS, MOON, path)
        parts.append(dict(kind="polygons", **describe_part(path)))
    (folder / "polygons.json").write_text(json.dumps(dict(parts=parts)))
    return folder / "polygons.json"


def numbers_in(manifest, boxes):
    tables = read_features(manifest, "polygons", ["feature"], boxes)
    return sorted(number for table in tables for number in table["feature"].to_pylist())


def test_a_part_is_geoparquet_with_its_rows_along_a_curve(tmp_path):
    rows = boxes_at([170, -170, 171, -171], [10, -10, 11, -11])
    write_map(tmp_path, g=rows)
    frame = geopandas.read_parquet(tmp_path / "polygons" / "g.parquet")
    schema = pq.read_schema(tmp_path / "polygons" / "g.parquet")
    assert schema.names == ["id", *KINDS["polygons"], "georef_method", "error_m", "geometry", "bbox"]
    assert schema.field("scene").type == pa.string()  # GDAL takes dictionaries for numbers
    assert frame["feature"].tolist() == [2, 4, 3, 1]
    assert frame["georef_method"].tolist() == ["spice", "spice", "projected", "projected"]
    assert frame["error_m"].fillna(-1).tolist() == [20, 20, -1, -1]
    assert frame["width_m"].isna().all()
    assert frame.crs == MOON.crs
    geo = json.loads(schema.metadata[b"geo"])
    assert (geo["version"], geo["columns"]["geometry"]["covering"]["bbox"]["xmin"]) == ("1.1.0", ["bbox", "xmin"])
    assert geo["columns"]["geometry"]["bbox"] == [-171.5, -11.5, 171.5, 11.5]
    assert len(geopandas.read_parquet(tmp_path / "polygons" / "g.parquet", bbox=(-180, -90, -165, 90))) == 2


def test_parts_without_rows(tmp_path):
    manifest = write_map(tmp_path, g=CONTENT["polygons"].empty_table(), h=boxes_at([5], [5]))
    assert describe_part(tmp_path / "polygons" / "g.parquet")["bounds"] is None
    assert numbers_in(manifest, None) == numbers_in(manifest, [(0, 0, 9, 9)]) == [1]


@settings(max_examples=25)
@given(
    places=st.lists(st.tuples(st.integers(-179, 179), st.integers(-89, 89)), min_size=1, max_size=30),
    box=st.tuples(st.integers(-180, 180), st.integers(-90, 90), st.integers(0, 90), st.integers(0, 60)),
)
def test_a_box_is_read_as_by_a_plain_loop(tmp_path_factory, places, box):
    """Rows whose squares share at least a point with any of two boxes."""
    west, south, width, height = box
    boxes = [(west, south, west + width, south + height), (0, 0, 3, 3)]
    lon, lat = np.array(places, float).T
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(feature_parts, "ROWS_PER_GROUP", 4)
        half = len(lon) // 2
        rows = boxes_at(lon, lat)
        manifest = write_map(tmp_path_factory.mktemp("m"), g=rows.slice(0, half), h=rows.slice(half))
    squares = shapely.box(lon - 0.5, lat - 0.5, lon + 0.5, lat + 0.5)
    meets = np.any([shapely.intersects(squares, shapely.box(*limits)) for limits in boxes], axis=0)
    assert numbers_in(manifest, boxes) == (np.flatnonzero(meets) + 1).tolist()


def test_a_small_box_reads_few_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_parts, "ROWS_PER_GROUP", 100)
    lon, lat = (part.ravel() for part in np.meshgrid(np.arange(-170.0, 171, 2), np.arange(-80.0, 81, 2)))
    manifest = write_map(tmp_path, g=boxes_at(lon, lat))
    assert pq.read_metadata(tmp_path / "polygons" / "g.parquet").num_row_groups == 139
    tables = list(read_features(manifest, "polygons", ["feature"], [(9.8, 9.8, 14.2, 14.2)]))
    assert sum(map(len, tables)) == 9
    assert len(tables) <= 4


def test_a_damaged_part_is_named_and_counts_as_missing(tmp_path):
    manifest = write_map(tmp_path, g=boxes_at([5], [5]))
    part = tmp_path / "polygons" / "g.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(OrbitileError, match=r"g\.parquet: not a readable table"):
        numbers_in(manifest, None)
    assert not part.exists()
    with pytest.raises(OrbitileError, match="run it"):
        numbers_in(tmp_path / "lines.json", None)


def test_shapes_of_one_type():
    line, lines = shapely.from_wkt(["LINESTRING (0 0, 1 1)", "MULTILINESTRING ((0 0, 1 1), (2 2, 3 3))"])
    box = shapely.box(0, 0, 1, 1)
    for shapes in ([line, lines], [box, shapely.MultiPolygon([box, shapely.box(2, 2, 3, 3)])]):
        table = with_multiple_parts(pa.table(dict(n=[1, 2], geometry=pa.array(shapely.to_wkb(shapes), pa.binary()))))
        found = shapely.from_wkb(table["geometry"].to_numpy())
        assert shapely.equals(found, shapes).all()
        assert {shape.geom_type[:5] for shape in found} == {"Multi"}
