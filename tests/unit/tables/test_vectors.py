import json
import sqlite3
from contextlib import closing

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.features.shapes.detection_shapes import VectorStyle, detection_shapes
from orbitile.space.bodies import lies_on
from orbitile.tables import vector_writers
from orbitile.tables.detections import DETECTIONS
from orbitile.tables.features import LINES, POLYGONS
from orbitile.tables.layers import layer_map, read_layers
from orbitile.tables.vector_writers import SHAPEFILE_NAMES
from orbitile.tables.vectors import GEOREF_COLUMNS, write_vectors


@pytest.fixture
def frame(detections, moon):
    """Three made-up craters, one of them on the antimeridian."""
    table = detections([0, 180, -20], [0, 10, -80], 5000, [0.9, 0.8, 0.7], scene="é")
    return detection_shapes(table[DETECTIONS.names], VectorStyle("ellipse", 128), moon)


def read_back(stem, suffix):
    path = stem.with_name(f"{stem.name}.{suffix}")
    return geopandas.read_parquet(path) if suffix == "parquet" else geopandas.read_file(path)


@pytest.mark.parametrize("suffix", ["parquet", "gpkg", "shp"])
def test_written_vectors_read_back(frame, moon, tmp_path, suffix):
    write_vectors(frame, tmp_path / "craters")
    found = read_back(tmp_path / "craters", suffix)
    long_names = {short: name for name, short in SHAPEFILE_NAMES.items()} if suffix == "shp" else {}
    found = found.rename(columns=long_names)
    assert found.columns.tolist() == frame.columns.tolist()
    assert found["scene"].tolist() == ["é"] * 3
    for name in ("lon", "lat", "diameter_km", "score"):
        assert np.allclose(found[name], frame[name])
    assert shapely.area(shapely.symmetric_difference(found.geometry.values, frame.geometry.values)).max() < 1e-9
    assert lies_on(found.crs, moon)
    assert found.crs.is_geographic


def test_the_geopackage_states_its_reference_system_without_an_authority(frame, moon, tmp_path):
    """QGIS takes the definition only then; see tests/clients."""
    write_vectors(frame, tmp_path / "craters")
    with closing(sqlite3.connect(tmp_path / "craters.gpkg")) as database:
        query = "SELECT organization, definition FROM gpkg_spatial_ref_sys JOIN gpkg_contents USING (srs_id)"
        ((organisation, definition),) = database.execute(query).fetchall()
    assert organisation == "NONE"
    assert "IAU" not in definition and "SPHEROID" in definition
    (layer,) = read_layers(tmp_path / "craters.gpkg").values()
    assert layer_map(layer, "craters.gpkg", moon)
    assert read_back(tmp_path / "craters", "parquet").crs.to_authority() == ("IAU_2015", "30100")


def test_aliases_tell_the_names_of_a_shapefile_s_fields(frame, tmp_path):
    write_vectors(frame, tmp_path / "craters")
    lines = (tmp_path / "craters.shp.names.csv").read_text().splitlines()
    assert lines[0] == "field,column"
    assert "diam_km,diameter_km" in lines
    fields = pyogrio.read_info(tmp_path / "craters.shp")["fields"].tolist()
    assert [line.split(",")[0] for line in lines[1:]] == fields
    assert max(map(len, fields)) <= 10


@pytest.mark.parametrize("columns", [DETECTIONS.names, POLYGONS, LINES])
def test_all_columns_fit_into_a_shapefile(columns):
    """A driver would cut longer names, and two of them could become one."""
    fields = [SHAPEFILE_NAMES.get(name, name) for name in [*columns, *GEOREF_COLUMNS]]
    assert max(map(len, fields)) <= 10
    assert len(set(fields)) == len(fields)


def test_metadata(frame, tmp_path):
    write_vectors(frame, tmp_path / "craters", {"orbitile": "made up"})
    assert pq.read_schema(tmp_path / "craters.parquet").metadata[b"orbitile"] == b"made up"
    assert pyogrio.read_info(tmp_path / "craters.gpkg")["dataset_metadata"]["orbitile"] == "made up"


def test_the_geopackage_layer_has_the_file_s_name(frame, tmp_path):
    write_vectors(frame, tmp_path / "craters")
    assert pyogrio.list_layers(tmp_path / "craters.gpkg").tolist() == [["craters", "MultiPolygon"]]


@pytest.mark.parametrize("suffix", ["parquet", "gpkg", "shp"])
def test_no_craters(frame, tmp_path, suffix):
    write_vectors(frame[:0], tmp_path / "craters")
    found = read_back(tmp_path / "craters", suffix)
    assert len(found) == 0
    assert "scene" in found


def test_names_with_dots_stay_whole(frame, tmp_path):
    """Groups may be called like this."""
    write_vectors(frame, tmp_path / "M104.left")
    write_vectors(frame[:1], tmp_path / "M104.right")
    assert {p.name.split(".")[1] for p in tmp_path.iterdir()} == {"left", "right"}
    assert [len(read_back(tmp_path / f"M104.{side}", "gpkg")) for side in ("left", "right")] == [3, 1]


def test_files_are_replaced_and_nothing_else_is_left(frame, tmp_path):
    for count in (3, 2):
        write_vectors(frame[:count], tmp_path / "craters")
    assert {len(read_back(tmp_path / "craters", suffix)) for suffix in ("parquet", "gpkg", "shp")} == {2}
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith("craters.")] == []


@pytest.mark.parametrize("suffix", ["parquet", "gpkg", "shp"])
def test_batches_give_the_same_rows_as_a_single_frame(frame, tmp_path, suffix):
    """Also categories, and batches without rows."""
    categories = frame.astype({"scene": "category", "class": "category"})
    batches = [categories[:0], categories[:2], categories[2:2], categories[2:]]
    for name in ("single", "batches"):
        (tmp_path / name).mkdir()
    write_vectors(frame, tmp_path / "single" / "craters")
    files = write_vectors(iter(batches), tmp_path / "batches" / "craters")
    single, batched = (read_back(tmp_path / name / "craters", suffix) for name in ("single", "batches"))
    assert batched.equals(single)
    assert batched.dtypes.tolist() == single.dtypes.tolist()
    assert [file.rows for file in files] == [3, 3, 3]


@pytest.mark.parametrize("formats", [["gpkg"], ["shp", "parquet"], []])
def test_only_the_formats_that_are_asked_for(frame, tmp_path, formats):
    files = write_vectors(frame, tmp_path / "craters", formats=formats)
    assert [file.path.suffix[1:] for file in files] == formats
    suffixes = {path.suffix[1:] for path in tmp_path.iterdir()} - {"shx", "dbf", "prj", "cpg", "csv"}
    assert suffixes == set(formats)
    sizes = {path.suffix[1:]: path.stat().st_size for path in tmp_path.iterdir() if path.suffix != ".csv"}
    assert sum(file.bytes for file in files) == sum(sizes.values())


def test_a_fault_on_the_way_leaves_what_was_there(frame, tmp_path):
    write_vectors(frame, tmp_path / "craters")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def batches():
        yield frame[:1]
        raise OSError("a fault on the way")

    with pytest.raises(OSError, match="a fault on the way"):
        write_vectors(batches(), tmp_path / "craters")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_shapefile_too_large_for_programs_is_refused(frame, tmp_path, monkeypatch):
    monkeypatch.setattr(vector_writers, "SHAPEFILE_BYTES", 5000)
    with pytest.raises(OrbitileError, match=r"craters\.shp: .* 2 GB .*vectors\.rows_per_file"):
        write_vectors([frame[:2], frame[2:]], tmp_path / "craters")
    assert list(tmp_path.iterdir()) == []


def test_rows_that_a_driver_lost_are_noticed(frame, tmp_path, monkeypatch):
    write = vector_writers.pyogrio.write_dataframe
    monkeypatch.setattr(vector_writers.pyogrio, "write_dataframe", lambda frame, *a, **k: write(frame[1:], *a, **k))
    with pytest.raises(RuntimeError, match="GDAL wrote 2 of 3 rows"):
        write_vectors(frame, tmp_path / "craters", formats=["gpkg"])
    assert list(tmp_path.iterdir()) == []


def test_geoparquet_says_what_geopandas_would(frame, tmp_path):
    """But for the bounds, which the first batch does not know."""
    write_vectors(frame, tmp_path / "craters")
    frame.to_parquet(tmp_path / "plain.parquet", index=False)
    batched, plain = (pq.read_schema(tmp_path / f"{name}.parquet") for name in ("craters", "plain"))
    assert batched.equals(plain)
    geo, expected = (json.loads(schema.metadata[b"geo"]) for schema in (batched, plain))
    column, expected_column = (metadata["columns"].pop("geometry") for metadata in (geo, expected))
    assert geo == expected
    assert column == {key: value for key, value in expected_column.items() if key != "bbox"}
