"""Results in a real QGIS, from Debian's packages. `make test-clients` runs it, `make test` does not.

In two of them: the one of this machine's release, and the one of Debian's testing release.
"""

import subprocess
import tempfile
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from debian_packages import InstallError, install_missing
from debian_testing import debian_testing
from documented_examples import examples_of
from made_up_catalogue import write_catalogue
from programs import PYTHON, Programs
from pyproj import CRS

from orbitile.features.shapes.detection_shapes import VectorStyle, detection_shapes
from orbitile.space.bodies import find_body
from orbitile.space.ground import Ground
from orbitile.tables.crater_parts import CRATERS, read_part
from orbitile.tables.detections import DETECTIONS
from orbitile.tables.standalone_files import write_several_files
from orbitile.tables.vector_writers import VectorLayer
from orbitile.tables.vectors import write_vectors

MAPS = {
    "Moon": ["+proj=eqc +R=1737400 +lon_0=180", "+proj=stere +lat_0=-90 +R=1737400"],
    "Mars": ["+proj=eqc +R=3396190", "+proj=sinu +R=3396190 +lon_0=10"],
    "Europa": ["+proj=ortho +R=1560800 +lat_0=10 +lon_0=30"],
}


def missing_packages():
    done = subprocess.run([PYTHON, "-c", "import qgis.core"], capture_output=True)
    return ["python3-qgis"] if done.returncode else []


@pytest.fixture(scope="module")
def installed():
    """The programs of this machine's release."""
    try:
        install_missing(missing_packages)
    except (InstallError, OSError) as error:
        pytest.fail(str(error), pytrace=False)
    return Programs()


@pytest.fixture(scope="module")
def testing():
    """The programs of Debian's testing release, which open Parquet, too."""
    try:
        return Programs(debian_testing())
    except (InstallError, OSError) as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="module", params=["installed", "testing"])
def qgis(request):
    """What QGIS makes of a vector file (see in_qgis.py)."""
    return request.getfixturevalue(request.param).describe_layer


def boxes_on_map(detections, crs, radius_m):
    """Detections whose boxes are those of a scene on a map: their centres are the places of lon and lat."""
    ground = Ground(CRS(crs).to_wkt(), radius_m)
    x, y = ground.xy(detections["lon"].to_numpy(), detections["lat"].to_numpy(), 0.0, 0.0)
    return detections.assign(xmin=x - 1000, xmax=x + 1000, ymin=y - 1000, ymax=y + 1000)


@pytest.mark.parametrize("suffix", ["gpkg", "shp"])
@pytest.mark.parametrize(("name", "crs"), [(body, crs) for body, maps in MAPS.items() for crs in maps])
def test_catalogues_lie_where_their_columns_say(qgis, detections, tmp_path, name, crs, suffix):
    body = find_body(name)
    table = boxes_on_map(detections([5, 20, 33.3], [-60, -1e-3, -20.25], 5000, [0.9, 0.8, 0.7]), crs, body.radius_m)
    frame = detection_shapes(table[DETECTIONS.names], VectorStyle("ellipse", 64), body)
    write_vectors(frame, tmp_path / "craters", {"orbitile": "made up"})
    layer = qgis(tmp_path / f"craters.{suffix}", crs)
    assert layer["valid"] and layer["crs_valid"] and layer["transform_valid"]
    centres = table[["xmin", "ymin"]].to_numpy() + 1000
    assert np.abs([feature["on_map"] for feature in layer["features"]] - centres).max() < 1e-9
    assert np.array_equal([feature["bounds"] for feature in layer["features"]], shapely.bounds(frame.geometry))


@pytest.mark.parametrize("kind", ["Polygon", "LineString"])
def test_maps_of_features_lie_where_they_are(qgis, moon, tmp_path, kind):
    shapes = [shapely.LineString([(10, 20), (11, 21)]), shapely.LineString([(-170, -80), (-169, -81)])]
    shapes = shapely.buffer(shapes, 0.1) if kind == "Polygon" else shapes
    frame = geopandas.GeoDataFrame(dict(lon=[10.5, -169.5], lat=[20.5, -80.5]), geometry=list(shapes), crs=moon.crs)
    write_vectors(frame, tmp_path / "features", kind=kind)
    layer = qgis(tmp_path / "features.gpkg")
    assert layer["crs_valid"]
    assert np.array_equal([feature["bounds"] for feature in layer["features"]], shapely.bounds(frame.geometry))


def test_a_geopackage_that_names_the_authority_is_what_older_qgis_does_not_understand(installed, moon, tmp_path):
    """As long as this holds for one in use (not for 3.44), the definition stands there without an authority."""
    frame = geopandas.GeoDataFrame(dict(lon=[0.0], lat=[0.0]), geometry=[shapely.box(0, 0, 1, 1)], crs=moon.crs)
    frame.to_file(tmp_path / "named.gpkg")
    assert not installed.describe_layer(tmp_path / "named.gpkg")["crs_valid"]


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The parts of a catalogue of Mars: a group of 10 craters and an empty one."""
    return write_catalogue(tmp_path_factory.mktemp("run") / "results" / "mars" / "catalogue", 1, 1, 10) / "craters"


def test_a_part_of_the_dataset_lies_where_its_columns_say(testing, parts):
    crs = "+proj=sinu +R=3396190 +lon_0=10"
    layer = testing.describe_layer(parts / "group000.parquet", crs)
    rows = geopandas.read_parquet(parts / "group000.parquet")
    assert layer["valid"] and layer["crs_valid"] and layer["transform_valid"]
    assert "+R=3396190 " in layer["crs"]
    assert [feature["scene"] for feature in layer["features"]] == list(rows["scene"])
    assert np.array_equal([feature["bounds"] for feature in layer["features"]], shapely.bounds(rows.geometry))
    x, y = Ground(CRS(crs).to_wkt(), 3396190).xy(rows["lon"].to_numpy(), rows["lat"].to_numpy(), 0.0, 0.0)
    assert np.abs([feature["on_map"] for feature in layer["features"]] - np.column_stack([x, y])).max() < 1e-6


@pytest.mark.parametrize("name", ["all.vrt", "craters-0001.gpkg", "craters-0002.shp"])
def test_a_large_catalogue_in_several_files(qgis, parts, tmp_path, name):
    """Its rows follow each other in the files as in the parts of the dataset."""
    crs = "+proj=sinu +R=3396190 +lon_0=10"
    table = read_part(parts / "group000.parquet", CRATERS.names)
    layer = VectorLayer(str(tmp_path / "craters"), "Point", find_body("Mars").crs)
    files = write_several_files(table.to_batches(), layer, ["gpkg", "shp"], 6)
    (path,) = [tmp_path / file["path"] for file in files if file["path"].endswith(name)]
    rows = {"all.vrt": slice(0, 10), "craters-0001.gpkg": slice(0, 6), "craters-0002.shp": slice(6, 10)}[name]
    places = table.select(["lon", "lat"]).to_pandas()[rows].to_numpy()
    opened = qgis(path, crs)
    assert opened["valid"] and opened["crs_valid"] and "+R=3396190" in opened["crs"]
    assert np.array_equal([feature["bounds"] for feature in opened["features"]], np.tile(places, 2))
    x, y = Ground(CRS(crs).to_wkt(), 3396190).xy(*places.T, 0.0, 0.0)
    assert np.abs([feature["on_map"] for feature in opened["features"]] - np.column_stack([x, y])).max() < 1e-6


def test_a_part_without_rows(testing, parts):
    layer = testing.describe_layer(parts / "nothing.parquet")
    assert layer["valid"] and layer["crs_valid"] and layer["features"] == []


IN_CONSOLE = """
from qgis.core import QgsApplication
application = QgsApplication([], False)
application.initQgis()
{example}
print(layer.isValid(), layer.featureCount(), layer.crs().toProj())
del layer  # before QGIS ends, or it crashes then
application.exitQgis()
"""


@pytest.fixture(scope="module")
def run_folder(testing):
    """The current folder of the examples of docs/catalogue.md, as the programs of the release see it."""
    with tempfile.TemporaryDirectory(dir=testing.root / "tmp") as folder:
        write_catalogue(Path(folder, "results", "mars", "catalogue"), 4, 3, 24_000)
        yield Path(folder)


def rows_of_example(run_folder):
    return geopandas.read_parquet(run_folder / "results" / "mars" / "catalogue" / "craters" / "group005.parquet")


def test_the_example_in_qgis(testing, run_folder):
    (example,) = examples_of("catalogue.md", "python in QGIS")
    (run_folder / "console.py").write_text(IN_CONSOLE.format(example=example))
    printed = testing.run([PYTHON, "console.py"], folder=f"/tmp/{run_folder.name}").split()
    count = (rows_of_example(run_folder)["diameter_km"] >= 1).sum()
    assert count and printed[:2] == ["True", str(count)] and "+R=3396190" in printed


def test_the_example_with_gdal(testing, run_folder):
    (example,) = examples_of("catalogue.md", "sh with GDAL")
    testing.run(["sh", "-ec", example], folder=f"/tmp/{run_folder.name}")
    frame, rows = geopandas.read_file(run_folder / "large.fgb"), rows_of_example(run_folder)
    expected = rows[rows["lon"].between(-60, -30) & rows["lat"].between(30, 50) & (rows["diameter_km"] >= 1)]
    assert len(expected) and sorted(frame["lon"]) == sorted(expected["lon"])
    assert "Mars" in frame.crs.name and set(frame["scene"]) == set(expected["scene"])
