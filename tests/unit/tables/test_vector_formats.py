"""Which files are opened as vectors; tests/hostile/test_vectors.py holds more of them."""

import os
import sqlite3
from contextlib import closing

import geopandas
import pyogrio
import pytest
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.tables.layers import layer_map, read_layer_columns, read_layers
from orbitile.tables.vector_formats import FORMATS, names_files, vector_format

VRT = (
    '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/etc/a.shp</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>'
)


@pytest.fixture
def written(moon, tmp_path):
    """Writes two boxes to a file of a name."""

    def write(name):
        frame = geopandas.GeoDataFrame(
            dict(n=[1, 2]), geometry=[shapely.box(n, 0, n + 1, 1) for n in (0, 5)], crs=moon.crs
        )
        if name.endswith("parquet"):
            frame.to_parquet(tmp_path / name)
        else:
            pyogrio.write_dataframe(frame, tmp_path / name)
        return tmp_path / name

    return write


def refusal(path):
    with pytest.raises(OrbitileError) as caught:
        read_layers(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [suffix for suffix in FORMATS if suffix != ".json"])
def test_formats_that_are_read(suffix, written):
    path = written(f"boxes{suffix}")
    (layer,) = read_layers(path).values()
    assert sorted(shapely.bounds(layer.geometry).tolist()) == [[0, 0, 1, 1], [5, 0, 6, 1]]
    assert sorted(read_layer_columns(path)["n"]) == [1, 2]


@pytest.mark.parametrize("suffix", [*FORMATS, ".vrt", ".gml", ".kml", ".csv", ".sqlite", ".gdb", ""])
def test_a_list_of_other_files_is_read_by_no_name(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.write_text(VRT)
    assert str(path) in refusal(path)


def test_the_suffix_may_be_in_capitals(written):
    path = written("boxes.gpkg").rename(written("boxes.gpkg").with_suffix(".GPKG"))
    assert [len(layer) for layer in read_layers(path).values()] == [2]


def test_parts_are_regular_files(written):
    path = written("boxes.shp")
    path.with_suffix(".dbf").unlink()
    os.mkfifo(path.with_suffix(".dbf"))
    assert "boxes.dbf: is a pipe" in refusal(path)


def test_parts_lie_beside_each_other(written, tmp_path):
    path = written("boxes.shp")
    path.with_suffix(".dbf").unlink()
    path.with_suffix(".dbf").symlink_to("/etc/hostname")
    assert "boxes.dbf, outside of its folder" in refusal(path)


def test_a_link_to_a_whole_file_is_followed(written, tmp_path):
    path = written("boxes.gpkg")
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "area.gpkg"
    link.symlink_to(path)
    assert vector_format(link) == FORMATS[".gpkg"]


def test_a_shapefile_is_complete_and_of_one_piece(written, tmp_path):
    path, cut = written("boxes.shp"), written("cut.shp")
    os.truncate(cut, 200)
    assert "cut.shp states 372 bytes and has 200" in refusal(cut)
    frame = geopandas.GeoDataFrame(dict(n=[1]), geometry=[shapely.box(0, 0, 1, 1)])
    pyogrio.write_dataframe(frame, tmp_path / "single.shp")
    (tmp_path / "single.dbf").replace(path.with_suffix(".dbf"))
    assert "it has 2 shapes, but 1 rows in boxes.dbf" in refusal(path)


def test_layers_are_tables(written):
    path = written("boxes.gpkg")
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE VIEW query AS SELECT * FROM boxes")
        database.commit()
        assert len(read_layers(path)) == 1  # a view beside them is left alone
        database.execute("UPDATE gpkg_geometry_columns SET table_name = 'query'")
        database.commit()
    assert "layer query is a view" in refusal(path)


@pytest.mark.parametrize(
    ("crs", "expected"),
    [("+proj=longlat +R=1 +nadgrids=a.gsb", True), ('EXTENSION["PROJ4_GRIDS","/etc/hostname"]', True),
     ('PARAMETERFILE["Latitude and longitude difference file","a"]', True), ('GEOGCS["Moon (2015)"]', False),
     ('REMARK["Source of IAU Coordinate systems: https://doi.org/10.1007/s10569-017-9805-5"]', False)],
)  # fmt: skip
def test_reference_systems_that_open_files(crs, expected):
    assert names_files(crs) == expected


@pytest.mark.parametrize("suffix", ["shp", "gpkg", "fgb"])
def test_a_reference_system_opens_no_file(suffix, tmp_path):
    frame = geopandas.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs="+proj=longlat +R=1737400 +nadgrids=a.gsb")
    path = tmp_path / f"a.{suffix}"
    pyogrio.write_dataframe(frame.assign(n=1), path)
    if suffix == "shp":
        path.with_suffix(".prj").write_text('GEOGCS["x",DATUM["D",EXTENSION["PROJ4_GRIDS","a.gsb"]]]')
    assert "refers to other files" in refusal(path)


def test_a_reference_system_in_geoparquet_opens_no_file(moon, tmp_path):
    """It is read without GDAL, which opens files; PROJ does where places are computed."""
    frame = geopandas.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs="+proj=longlat +R=1737400 +nadgrids=a.gsb")
    frame.to_parquet(tmp_path / "a.parquet")
    (layer,) = read_layers(tmp_path / "a.parquet").values()
    with pytest.raises(OrbitileError, match="refers to other files"):
        layer_map(layer, tmp_path / "a.parquet", moon)
