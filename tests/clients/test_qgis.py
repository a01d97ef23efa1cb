"""Results in a real QGIS, from Debian's packages. `make test-clients` runs it, `make test` does not."""

import json
import os
import subprocess
from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely
from debian_packages import InstallError, install_missing
from pyproj import CRS

from orbitile.features.shapes.detection_shapes import VectorStyle, detection_shapes
from orbitile.space.bodies import find_body
from orbitile.space.ground import Ground
from orbitile.tables.detections import DETECTIONS
from orbitile.tables.vectors import write_vectors

PYTHON = "/usr/bin/python3"
"""The interpreter of Debian's packages; the one of the tests has no QGIS."""
MAPS = {
    "Moon": ["+proj=eqc +R=1737400 +lon_0=180", "+proj=stere +lat_0=-90 +R=1737400"],
    "Mars": ["+proj=eqc +R=3396190", "+proj=sinu +R=3396190 +lon_0=10"],
    "Europa": ["+proj=ortho +R=1560800 +lat_0=10 +lon_0=30"],
}


def missing_packages():
    done = subprocess.run([PYTHON, "-c", "import qgis.core"], capture_output=True)
    return ["python3-qgis"] if done.returncode else []


@pytest.fixture(scope="module", autouse=True)
def qgis():
    try:
        install_missing(missing_packages)
    except (InstallError, OSError) as error:
        pytest.fail(str(error), pytrace=False)


def opened(path, crs="+proj=eqc +R=1737400"):
    """What QGIS makes of a vector file (see in_qgis.py)."""
    command = [PYTHON, Path(__file__).with_name("in_qgis.py"), path, CRS(crs).to_wkt()]
    environment = {"PATH": os.defpath, "QT_QPA_PLATFORM": "offscreen", "HOME": str(Path(path).parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def boxes_on_map(detections, crs, radius_m):
    """Detections whose boxes are those of a scene on a map: their centres are the places of lon and lat."""
    ground = Ground(CRS(crs).to_wkt(), radius_m)
    x, y = ground.xy(detections["lon"].to_numpy(), detections["lat"].to_numpy(), 0.0, 0.0)
    return detections.assign(xmin=x - 1000, xmax=x + 1000, ymin=y - 1000, ymax=y + 1000)


@pytest.mark.parametrize("suffix", ["gpkg", "shp"])
@pytest.mark.parametrize(("name", "crs"), [(body, crs) for body, maps in MAPS.items() for crs in maps])
def test_catalogues_lie_where_their_columns_say(detections, tmp_path, name, crs, suffix):
    body = find_body(name)
    table = boxes_on_map(detections([5, 20, 33.3], [-60, -1e-3, -20.25], 5000, [0.9, 0.8, 0.7]), crs, body.radius_m)
    frame = detection_shapes(table[DETECTIONS.names], VectorStyle("ellipse", 64), body)
    write_vectors(frame, tmp_path / "craters", {"orbitile": "made up"})
    layer = opened(tmp_path / f"craters.{suffix}", crs)
    assert layer["valid"] and layer["crs_valid"] and layer["transform_valid"]
    centres = table[["xmin", "ymin"]].to_numpy() + 1000
    assert np.abs([feature["on_map"] for feature in layer["features"]] - centres).max() < 1e-9
    assert np.array_equal([feature["bounds"] for feature in layer["features"]], shapely.bounds(frame.geometry))


@pytest.mark.parametrize("kind", ["Polygon", "LineString"])
def test_maps_of_features_lie_where_they_are(moon, tmp_path, kind):
    shapes = [shapely.LineString([(10, 20), (11, 21)]), shapely.LineString([(-170, -80), (-169, -81)])]
    shapes = shapely.buffer(shapes, 0.1) if kind == "Polygon" else shapes
    frame = geopandas.GeoDataFrame(dict(lon=[10.5, -169.5], lat=[20.5, -80.5]), geometry=list(shapes), crs=moon.crs)
    write_vectors(frame, tmp_path / "features", kind=kind)
    layer = opened(tmp_path / "features.gpkg")
    assert layer["crs_valid"]
    assert np.array_equal([feature["bounds"] for feature in layer["features"]], shapely.bounds(frame.geometry))


def test_a_geopackage_that_names_the_authority_is_what_qgis_does_not_understand(moon, tmp_path):
    """As long as this holds, the definition stands there without one."""
    frame = geopandas.GeoDataFrame(dict(lon=[0.0], lat=[0.0]), geometry=[shapely.box(0, 0, 1, 1)], crs=moon.crs)
    frame.to_file(tmp_path / "named.gpkg")
    assert not opened(tmp_path / "named.gpkg")["crs_valid"]
