"""Parts of a catalogue as files: each holds what a plain filter of all rows gives, in any format and shape."""

import subprocess
import sys

import geopandas
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from made_up_catalogue import write_catalogue
from plan_rows import plan_row

import orbitile.catalogue
from orbitile.__main__ import main
from orbitile.base.errors import OrbitileError
from orbitile.features.shapes.detection_shapes import VectorStyle, detection_shapes
from orbitile.jobs import export
from orbitile.jobs.export import SHAPES, WRITERS, export_craters
from orbitile.tables.plan import PlanGroup, PlanOrigin, UnplannedScene, write_plan

BOX = (150.0, -40.0, -150.0, 40.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_catalogue(tmp_path_factory.mktemp("run") / "catalogue", 3, 2, 6000)


@pytest.fixture
def selection(folder):
    """What lies in a box over 180 degrees."""
    return orbitile.catalogue.open(folder).select(box=BOX)


@pytest.fixture(scope="module")
def expected(folder):
    """The rows of the selection, in the order of the groups."""
    parts = [pq.ParquetFile(part).read().to_pandas() for part in sorted((folder / "craters").glob("*.parquet"))]
    rows = pd.concat(parts, ignore_index=True).astype(dict.fromkeys(("scene", "class", "georef_method"), str))
    inside = (rows["lon"].abs() >= 150) & (rows["lat"].abs() <= 40)
    return rows[inside].drop(columns=["geometry", "bbox"]).reset_index(drop=True)


@pytest.fixture(params=[100, 20_000])
def batches(request, monkeypatch):
    """The rows come in several batches, or in one."""
    monkeypatch.setattr(export, "ROWS_PER_BATCH", request.param)


def read(path):
    frame = geopandas.read_parquet(path) if path.suffix == ".parquet" else geopandas.read_file(path)
    if path.suffix == ".shp":
        return frame.rename(columns=dict(diam_km="diameter_km", georef="georef_method"))
    return frame


def sorted_rows(frame):
    return frame.sort_values(["lon", "lat"], ignore_index=True)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("suffix", sorted(set(WRITERS) - {".csv"}))
def test_a_selection(batches, selection, expected, tmp_path, suffix, shape):
    path = tmp_path / f"part{suffix}"
    assert export_craters(selection, path, shape) == len(expected) > 500
    frame, rows = sorted_rows(read(path)), sorted_rows(expected)
    assert "Mars" in frame.crs.name
    assert list(frame["scene"]) == list(rows["scene"]) and list(frame["class"]) == list(rows["class"])
    numbers = ["lon", "lat", "diameter_km", "score", "error_m", "tile", "xmin"]
    assert np.abs(frame[numbers].to_numpy(float) - rows[numbers].to_numpy(float)).max() < 1e-5
    expected_shapes = shapes_of(rows, shape, selection.body)
    assert shapely.equals_exact(simplest(frame.geometry), expected_shapes, tolerance=1e-9, normalize=True).all()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def simplest(shapes):
    """Shapes with a single part as that part: a GeoPackage has layers of one type."""
    shapes = shapes.to_numpy()
    return np.where(shapely.get_num_geometries(shapes) == 1, shapely.get_geometry(shapes, 0), shapes)


def shapes_of(rows, shape, body):
    if shape == "point":
        return shapely.points(rows["lon"], rows["lat"])
    return detection_shapes(rows, VectorStyle(shape, 128), body).geometry.to_numpy()


def test_a_csv(batches, selection, expected, tmp_path):
    export_craters(selection, tmp_path / "part.csv", "point")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "part.csv"), expected, check_dtype=False)


@pytest.mark.parametrize("suffix", sorted(WRITERS))
def test_nothing_selected(folder, tmp_path, suffix):
    nothing = orbitile.catalogue.open(folder).select(scenes=["nowhere"])
    assert export_craters(nothing, tmp_path / f"part{suffix}", "ellipse") == 0
    columns = (
        pd.read_csv(tmp_path / "part.csv").columns if suffix == ".csv" else read(tmp_path / f"part{suffix}").columns
    )
    assert {"scene", "lon", "diameter_km"} <= set(columns)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("part.kml", r"part\.kml: no format has the suffix '\.kml'; write one of \.gpkg, "),
        ("part", r"no format has the suffix ''"),
        ("nowhere/part.gpkg", r"there is no folder .*nowhere; make it first"),
    ],
)
def test_a_path_that_cannot_be_written(selection, tmp_path, path, message):
    with pytest.raises(OrbitileError, match=message):
        export_craters(selection, tmp_path / path, "point")


@pytest.mark.parametrize("path", ["craters.parquet", "craters/part.parquet"])
def test_nothing_is_written_into_the_catalogue(selection, folder, path):
    with pytest.raises(OrbitileError, match="where nothing else may lie; write elsewhere"):
        export_craters(selection, folder / path, "point")


def test_more_than_a_shapefile_holds(selection, tmp_path, monkeypatch):
    monkeypatch.setattr("orbitile.catalogue.Catalogue.__len__", lambda self: 3_000_000)
    with pytest.raises(OrbitileError, match=r"3000000 craters do not surely fit .* select fewer, or write a \.gpkg"):
        export_craters(selection, tmp_path / "part.shp", "ellipse")
    assert not list(tmp_path.iterdir())


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["orbitile", "export", *map(str, arguments)])
    status = main()
    return status, capsys.readouterr()


def test_the_command(monkeypatch, capsys, folder, tmp_path):
    limits = ["--box", 150, -40, -150, 40, "--diameter-km", 0.5, "inf", "--score", 0.5, 1]
    status, printed = run(monkeypatch, capsys, folder, tmp_path / "part.gpkg", *limits, "--shape", "circle")
    selected = orbitile.catalogue.open(folder).select(BOX, (0.5, None), (0.5, 1.0))
    assert status == 0 and printed.out == f"{tmp_path / 'part.gpkg'}: {len(selected)} craters\n"
    assert pyogrio.read_info(tmp_path / "part.gpkg")["features"] == len(selected) > 10


def test_scenes(monkeypatch, capsys, folder, tmp_path):
    assert run(monkeypatch, capsys, folder, tmp_path / "part.csv", "--scenes", "group001-3", "group002-0")[0] == 0
    assert set(pd.read_csv(tmp_path / "part.csv")["scene"]) == {"group001-3", "group002-0"}


@pytest.fixture
def planned(folder):
    """A plan beside the catalogue, with a scene in which nothing was found and one that could not be planned."""
    path, names = folder.parent / "plan.parquet", ["group001-3", "empty"]
    rows = [plan_row(name, "g", outline_lon=[0.0], outline_lat=[0.0]) for name in names]
    group = PlanGroup("g", [], [], "version", 1.0)
    write_plan(rows, [group], [UnplannedScene("bad", "bad.tif", "", "broken")], PlanOrigin("", "", ""), path)
    yield path
    path.unlink()


@pytest.mark.parametrize(("name", "rows"), [("group001-3", 100), ("empty", 0), ("bad", 0)])
def test_a_scene_of_the_plan(monkeypatch, capsys, folder, planned, tmp_path, name, rows):
    assert run(monkeypatch, capsys, folder, tmp_path / "part.csv", "--scenes", name)[0] == 0
    assert len(pd.read_csv(tmp_path / "part.csv")) == pytest.approx(rows, rel=0.5)


def test_a_scene_that_the_run_does_not_have(monkeypatch, capsys, folder, planned, tmp_path):
    """A slip of the pen gave a file of fewer scenes, or of none."""
    names = ["group001-3", "group01-3"]
    status, printed = run(monkeypatch, capsys, folder, tmp_path / "part.csv", "--scenes", *names)
    assert status == 1 and not (tmp_path / "part.csv").exists()
    assert printed.err == (
        f"{planned}: the run has no scene 'group01-3'; of its 3 the names most like it are group001-3, empty, bad\n"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--box", "0", "10", "5", "0"], "south not above north"),
        (["--diameter-km", "5", "1"], "give the lower limit first"),
        (["--diameter-km", "nan", "1"], "diameter_km"),
    ],
)
def test_a_mistake_is_one_line(monkeypatch, capsys, folder, tmp_path, options, message):
    status, printed = run(monkeypatch, capsys, folder, tmp_path / "part.csv", *options)
    assert status == 1 and message in printed.err and printed.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_folder_without_a_catalogue(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "orbitile", "export", tmp_path, "a.gpkg"], capture_output=True, text=True
    )
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "craters.json" in done.stderr


@pytest.mark.parametrize("suffix", sorted(WRITERS))
def test_a_folder_that_takes_no_files(monkeypatch, capsys, folder, suffix):
    status, printed = run(monkeypatch, capsys, folder, f"/proc/part{suffix}")
    assert status == 1 and "/proc" in printed.err
    assert printed.err.count("\n") == 1
