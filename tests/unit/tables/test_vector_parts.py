"""Points in parts: every row once, within bounds, and an index and a view that GDAL understands."""

import shutil
import subprocess
from itertools import pairwise

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from orbitile.base.errors import OrbitileError
from orbitile.features.shapes.detection_shapes import VectorStyle, detection_shapes
from orbitile.space.bodies import lies_on
from orbitile.tables import vector_writers
from orbitile.tables.crater_parts import CRATERS, read_part, write_part
from orbitile.tables.detections import DETECTIONS
from orbitile.tables.vector_parts import _numbered_pieces, rows_that_fit, write_parts
from orbitile.tables.vector_writers import SHAPEFILE_BYTES, SHAPEFILE_NAMES, VectorLayer
from orbitile.tables.vectors import write_vectors

METHODS = {"é": dict(georef_method="spice", error_m=25.0), "b": dict(georef_method="projected", error_m=None)}
COUNT = 25


@pytest.fixture
def table(detections, moon, tmp_path):
    """A part of a catalogue."""
    random = np.random.default_rng(0)
    lon, lat = random.uniform(-180, 180, COUNT), random.uniform(-80, 80, COUNT)
    rows = detections(lon, lat, random.uniform(1000, 9000, COUNT), random.random(COUNT))
    write_part(rows.assign(scene=np.where(lon > 0, "é", "b")), METHODS, moon, 1, tmp_path / "part.parquet")
    return read_part(tmp_path / "part.parquet", CRATERS.names)


@pytest.fixture
def layer(moon):
    return VectorLayer("craters", "Point", moon.crs, {"orbitile": "made up"})


def read_files(paths):
    frames = [geopandas.read_file(path) for path in paths]
    names = {short: name for name, short in SHAPEFILE_NAMES.items()}
    return pd.concat([frame.rename(columns=names) for frame in frames], ignore_index=True)


@pytest.mark.parametrize("suffix", ["gpkg", "shp"])
@pytest.mark.parametrize("batch_rows", [4, 7, 25])
def test_every_row_is_in_the_parts_once_and_in_order(table, layer, moon, tmp_path, suffix, batch_rows):
    files = write_parts(table.to_batches(batch_rows), tmp_path / "parts", layer, 7, ["gpkg", "shp", "parquet"])
    parts = [file for file in files if file.path.suffix == f".{suffix}" and file.path.stem != "index"]
    assert [file.path.name for file in parts] == [f"craters-000{n}.{suffix}" for n in (1, 2, 3, 4)]
    assert [file.rows for file in parts] == [7, 7, 7, 4]
    rows = read_files(file.path for file in parts)
    expected = table.drop_columns(["bbox", "geometry"]).to_pandas()
    for name, values in expected.items():
        same = np.array_equal if name in ("id", "scene", "class", "georef_method", "truncated") else np.allclose
        assert same(
            rows[name].to_numpy(), values.to_numpy(), **({} if same is np.array_equal else dict(equal_nan=True))
        )
    assert rows.geometry.to_wkb().tolist() == table["geometry"].to_pylist()
    assert list(rows.columns) == [*expected.columns, "geometry"]
    assert lies_on(rows.crs, moon)


def test_files_are_named_with_their_rows_and_bytes(table, layer, tmp_path):
    files = write_parts(table.to_batches(), tmp_path / "parts", layer, 10, ["gpkg", "shp"])
    listed = {file.path for file in files}
    assert {path for path in (tmp_path / "parts").iterdir() if path.suffix in (".gpkg", ".shp", ".vrt")} == listed
    all_bytes = sum(path.stat().st_size for path in (tmp_path / "parts").iterdir() if path.suffix != ".csv")
    assert sum(file.bytes for file in files) == all_bytes
    aliases = (tmp_path / "parts" / "craters.shp.names.csv").read_text().splitlines()
    assert "diam_km,diameter_km" in aliases


def test_the_index_says_where_rows_lie(table, layer, moon, tmp_path):
    write_parts(table.to_batches(), tmp_path / "parts", layer, 10, ["gpkg", "shp"])
    index = geopandas.read_file(tmp_path / "parts" / "index.gpkg")
    assert index["location"].tolist()[:3] == ["craters-0001.gpkg", "craters-0001.shp", "craters-0002.gpkg"]
    assert index.groupby("format")["rows"].sum().to_dict() == dict(gpkg=COUNT, shp=COUNT)
    assert lies_on(index.crs, moon)
    for row in index.itertuples():
        part = geopandas.read_file(tmp_path / "parts" / row.location)
        assert np.allclose(row.geometry.bounds, part.total_bounds, rtol=0, atol=1e-12)


@pytest.mark.parametrize("formats", [["gpkg", "shp"], ["shp"]])
def test_the_view_is_all_parts_as_a_single_layer(table, layer, moon, tmp_path, formats):
    write_parts(table.to_batches(), tmp_path / "parts", layer, 10, formats)
    (tmp_path / "parts").rename(tmp_path / "moved")
    view = tmp_path / "moved" / "all.vrt"
    info = pyogrio.read_info(view)
    assert info["features"] == COUNT
    assert info["layer_name"] == "craters"
    rows = geopandas.read_file(view)
    assert sorted(rows.geometry.to_wkb()) == sorted(table["geometry"].to_pylist())
    assert lies_on(rows.crs, moon)
    in_box = geopandas.read_file(view, bbox=(0, -30, 90, 60))
    lon, lat = table["lon"].to_numpy(), table["lat"].to_numpy()
    assert len(in_box) == ((lon >= 0) & (lon <= 90) & (lat >= -30) & (lat <= 60)).sum() > 0


@pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="needs the programs of GDAL")
def test_programs_of_gdal_open_the_view(table, layer, tmp_path):
    write_parts(table.to_batches(), tmp_path / "parts", layer, 10, ["gpkg"])
    command = ["ogrinfo", "-ro", "-so", "-where", "diameter_km > 0", tmp_path / "parts" / "all.vrt", "craters"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"Feature Count: {COUNT}" in output


def test_layers_have_names_metadata_and_a_system_without_an_authority(table, layer, tmp_path):
    write_parts(table.to_batches(10), tmp_path / "parts", layer, 20, ["gpkg"])
    path = tmp_path / "parts" / "craters-0001.gpkg"
    info = pyogrio.read_info(path)
    assert pyogrio.list_layers(path).tolist() == [["craters-0001", "Point"]]
    assert info["dataset_metadata"]["orbitile"] == "made up"
    assert info["capabilities"]["fast_spatial_filter"]
    assert "IAU" not in info["crs"]


def test_texts_of_a_shapefile_grow_with_their_batches(table, layer, tmp_path):
    """Its fields are as wide as the first batch needs; nothing longer is cut."""
    scenes = ["é", "b" * 3, "é" * 100, "c" * 200, ""]
    rows = table.slice(0, 5).set_column(table.column_names.index("scene"), "scene", [scenes])
    write_parts(rows.to_batches(1), tmp_path / "parts", layer, 10, ["shp"])
    read = pyogrio.read_dataframe(tmp_path / "parts" / "craters-0001.shp")
    assert read["scene"].fillna("").tolist() == scenes
    assert (tmp_path / "parts" / "craters-0001.dbf").stat().st_size < 5 * 700 + 1000


def test_a_fault_on_the_way_leaves_the_folder_as_it_was(table, layer, tmp_path):
    write_parts(table.to_batches(), tmp_path / "parts", layer, 10, ["gpkg", "shp"])
    before = {path.name: path.read_bytes() for path in (tmp_path / "parts").iterdir()}

    def batches():
        yield from table.slice(0, 15).to_batches(5)
        raise OSError("a fault on the way")

    with pytest.raises(OSError, match="a fault on the way"):
        write_parts(batches(), tmp_path / "parts", layer, 10, ["gpkg", "shp"])
    assert {path.name: path.read_bytes() for path in (tmp_path / "parts").iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"parts", "part.parquet"}


def test_fewer_rows_leave_no_parts_of_more(table, layer, tmp_path):
    write_parts(table.to_batches(), tmp_path / "parts", layer, 5, ["gpkg", "shp"])
    write_parts(table.to_batches(), tmp_path / "parts", layer, 20, ["gpkg"])
    names = {path.name for path in (tmp_path / "parts").iterdir()}
    assert names == {"craters-0001.gpkg", "craters-0002.gpkg", "index.gpkg", "all.vrt"}


def test_a_part_too_large_for_programs_is_refused(table, layer, tmp_path, monkeypatch):
    monkeypatch.setattr(vector_writers, "SHAPEFILE_BYTES", 2000)
    with pytest.raises(OrbitileError, match=r"craters-0001\.dbf: .* 2 GB"):
        write_parts(table.to_batches(), tmp_path / "parts", layer, 10, ["shp"])
    assert not (tmp_path / "parts").exists()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 12))
def test_pieces_fill_files_in_order(lengths, rows_per_file):
    """As if every row were dealt out by itself."""
    ends = np.cumsum([0, *lengths])
    tables = [pa.table(dict(row=range(first, last))) for first, last in pairwise(ends)]
    pieces = _numbered_pieces(tables, rows_per_file)
    dealt = [(number, row) for number, piece in pieces for row in piece["row"].to_pylist()]
    assert dealt == [(row // rows_per_file + 1, row) for row in range(ends[-1])]


@pytest.mark.parametrize("vertices", [0, 100, 128, 1000])
def test_rows_that_fit_are_no_more_than_a_shapefile_holds(detections, moon, tmp_path, vertices):
    """Measured: of shapes that are cut at 180 E and at poles, and names as long as fields can be."""
    rows = rows_that_fit(10**9, ["shp"], CRATERS, vertices)
    lon, lat = [180, 179.9, 0, 30, -180, 45], [0, 70, 90, -89.9, 89.5, 45]
    table = detections(lon, lat, 90_000, np.full(6, 0.9)).assign(scene="x" * 254)[DETECTIONS.names]
    frame = detection_shapes(
        table.assign(id="z" * 16, georef_method="y" * 254, error_m=1.0), VectorStyle("ellipse", vertices or 100), moon
    )
    frame = frame if vertices else frame.set_geometry(shapely.centroid(frame.geometry.to_numpy()))
    sizes = []
    for shapes in (frame, pd.concat([frame, frame])):
        write_vectors(shapes, tmp_path / "craters", kind="Polygon" if vertices else "Point", formats=["shp"])
        sizes.append([(tmp_path / f"craters.{suffix}").stat().st_size for suffix in ("shp", "dbf")])
    header, row = 2 * np.array(sizes[0]) - sizes[1], (np.array(sizes[1]) - sizes[0]) / len(frame)
    assert (header + rows * row).max() <= SHAPEFILE_BYTES
    assert (header + rows * row).max() >= SHAPEFILE_BYTES / 1.5


def test_rows_that_fit_are_those_of_the_settings_where_nothing_else_bounds_them():
    assert rows_that_fit(1000, ["shp", "gpkg"], CRATERS, 128) == 1000
    assert rows_that_fit(10**8, ["gpkg", "parquet"], CRATERS, 128) == 10**8
    assert 500_000 < rows_that_fit(10**8, ["shp"], CRATERS, 128) < 1_000_000
    assert 1_500_000 < rows_that_fit(10**8, ["shp"], CRATERS) < 2_500_000
