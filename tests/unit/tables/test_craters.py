from dataclasses import replace

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.space.bodies import find_body
from orbitile.space.pixel_grid import pixel_grid
from orbitile.tables.craters import Craters, CraterTable, PixelPlaces, read_craters, read_craters_of_run


def written(tmp_path, text, name="craters.csv"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("lon,lat,diameter_km", "10,-20,1.5"),
        ("LON_DEG_E,LAT_DEG_N,DIAM_KM", "10,-20,1.5"),
        ("lon_deg_e360,lat_deg,diameter_m", "370,-20,1500"),
        ("name,Longitude,Latitude,diam_m", "Tycho,-350,-20,1500"),
        ("x_lon,y_lat,diam_km,diameter_km", "10,-20,9,1.5"),
    ],
)
def test_usual_names_and_units(tmp_path, header, row):
    found = read_craters(written(tmp_path, f"# made up\n{header}\n{row}\n"))
    assert np.ravel([found.lon, found.lat, found.diameter_m]) == pytest.approx([10, -20, 1500])


@pytest.mark.parametrize("suffix", ["csv", "txt", "parquet", "gpkg", "shp", "geojson"])
def test_formats(tmp_path, suffix):
    path = tmp_path / f"craters.{suffix}"
    table = pd.DataFrame(dict(lon=[190.0, 0.5], lat=[1.0, 2.0], diam_km=[3.0, 4.0]))
    if suffix == "parquet":
        table.to_parquet(path)
    elif suffix in ("csv", "txt"):
        table.to_csv(path, index=False)
    else:
        geopandas.GeoDataFrame(table, geometry=shapely.points([0, 1], [0, 1]), crs="IAU_2015:30100").to_file(path)
    found = read_craters(path)
    assert found.lon.tolist() == [-170, 0.5]
    assert found.diameter_m.tolist() == [3000, 4000]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; a table begins with a line of column names"),
        ("lon,lat\n1,2\n", "no column named diameter_km, diam_km or similar; it has lon, lat"),
        ("lat,diam_km\n1,2\n", "no column named lon, lon_deg, lon_deg_e or similar"),
        ("lon,lat,diam_km\n1,2,3\n1,2,big\n", "line 3: column diam_km is 'big', not a number"),
        ("lon,lat,diam_km\n,2,3\n", "line 2: column lon is empty, not a number"),
        ("lon,lat,diam_km\n1,inf,3\n", "line 2: column lat is 'inf', not a number"),
    ],
)
def test_faults_name_the_column_and_the_row(tmp_path, text, message):
    with pytest.raises(OrbitileError, match=rf"craters\.csv: {message}"):
        read_craters(written(tmp_path, text))


@pytest.mark.parametrize("name", ["craters.csv", "craters.parquet", "craters.gpkg", "craters.shp"])
def test_what_is_no_table_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x00made up\xff")
    with pytest.raises(
        OrbitileError, match=f"{name}: (not a readable|cannot be read|line 1 holds bytes|no GeoPackage|is no)"
    ):
        read_craters(tmp_path / name)


def test_no_table(tmp_path):
    with pytest.raises(OrbitileError, match=r"no crater table at .*gone\.csv"):
        read_craters(tmp_path / "gone.csv")


def test_a_table_without_rows(tmp_path):
    assert len(read_craters(written(tmp_path, "lon,lat,diam_km\n"))) == 0


def test_where():
    craters = Craters(np.arange(3.0), np.arange(3.0) + 10, np.arange(3.0) + 20)
    assert craters.select(np.array([True, False, True])).lat.tolist() == [10, 12]
    assert craters.select(np.array([2, 0])).diameter_m.tolist() == [22, 20]


def test_bytes_of_a_damaged_file_are_named(tmp_path):
    lon = pa.array([b"3\xff.003"], pa.binary()).view(pa.string())
    pq.write_table(pa.table(dict(lon=lon, lat=[1.0], diam_km=[2.0])), tmp_path / "craters.parquet")
    with pytest.raises(OrbitileError, match=r"craters\.parquet: column lon holds bytes that are no text"):
        read_craters(tmp_path / "craters.parquet")


@pytest.mark.parametrize(
    ("column", "cells", "shares"),
    [("agreement", (0.2, 1), [0.2, 1]), ("annotators", (3, 6), [0.5, 1]), ("annotators", (0, 0), [0, 0])],
)
def test_agreement_of_annotators(tmp_path, column, cells, shares):
    rows = "".join(f"{n},2,3,{cell}\n" for n, cell in enumerate(cells))
    craters = read_craters(written(tmp_path, f"lon,lat,diam_km,{column}\n{rows}"))
    assert craters.agreement.tolist() == shares
    assert craters.select(np.array([1])).agreement.tolist() == shares[1:]
    assert read_craters(written(tmp_path, "lon,lat,diam_km\n1,2,3\n")).agreement is None


def test_agreement_of_joined_craters():
    plain = Craters(np.arange(2.0), np.arange(2.0), np.ones(2))
    shared = replace(plain, agreement=np.array([0.2, 0.4]), scene=np.array(["a", "b"], object))
    assert Craters.joined([plain, shared]).agreement.tolist() == [1, 1, 0.2, 0.4]
    assert Craters.joined([plain, plain]).agreement is None
    assert shared.of_scene("b").agreement.tolist() == [0.4]


@pytest.mark.parametrize(("column", "cell"), [("agreement", "1.1"), ("agreement", ""), ("annotators", "-1")])
def test_agreement_that_cannot_be(tmp_path, column, cell):
    with pytest.raises(OrbitileError, match=f"line 2: column {column} is "):
        read_craters(written(tmp_path, f"lon,lat,diam_km,{column}\n1,2,3,{cell}\n"))


@pytest.fixture
def pixels():
    return PixelPlaces(pixel_grid(find_body("Mars"), 6.0, 1, 1), find_body("Mars").radius_m, {"a": (100, 50)})


def test_boxes_are_the_same_craters_as_a_table_in_pixels(tmp_path, pixels):
    boxes = CraterTable(str(written(tmp_path, "0 0.5 0.5 0.1 0.2\n", "a.txt").parent))
    table = CraterTable(str(written(tmp_path, "scene,col_px,row_px,diameter_px\na,50,25,10\n")))
    (tmp_path / "craters.csv").rename(tmp_path.with_suffix(".csv"))
    expected = read_craters_of_run(replace(table, path=str(tmp_path.with_suffix(".csv"))), pixels, 1)
    craters = read_craters_of_run(boxes, pixels, 1)
    assert (craters.lon, craters.lat, craters.diameter_m) == (expected.lon, expected.lat, expected.diameter_m)
    assert craters.diameter_m.item() == 60
    assert craters.scene.tolist() == ["a"]


def test_boxes_have_no_place_on_a_map(tmp_path, pixels):
    table = CraterTable(str(written(tmp_path, "x,y,w,h\n1,2,3,4\n")))
    with pytest.raises(OrbitileError, match=r"craters\.csv: labels of boxes .* only with pixel_coordinates: true"):
        read_craters_of_run(table, pixels, 0)


def test_sizes_are_those_of_the_finest_rasters(raster):
    rows = [raster(np.zeros((height, 3 * height), np.uint8), scale_m=scale) for scale, height in ((100, 40), (200, 20))]
    assert PixelPlaces.of(rows, 1.0).sizes == {"a": (120, 40)}
