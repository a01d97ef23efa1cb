"""Users' vector files are checked when a run is planned, once for each version."""

import geopandas
import numpy as np
import pytest
import shapely
from pyproj import CRS

from orbitile.base.errors import OrbitileError
from orbitile.planning import vector_checks, vector_files
from orbitile.planning.plan import current_plan
from orbitile.settings import Settings

MAP = "IAU_2015:30110"
ON_SCENE, ELSEWHERE = shapely.box(500, -900, 900, -500), shapely.box(5e5, 5e5, 6e5, 6e5)


@pytest.fixture
def write(tmp_path):
    """Writes shapes to a vector file."""

    def to_file(*shapes, name="shapes.gpkg", crs=MAP, **columns):
        columns = columns or dict(width=["tiny"] * len(shapes))
        geopandas.GeoDataFrame(columns, geometry=list(shapes), crs=CRS(crs)).to_file(tmp_path / name)
        return tmp_path / name

    return to_file


@pytest.fixture
def plan(geotiff, tmp_path, in_this_process):
    """Plans a run of a scene of 60 x 40 px of 100 m, whose upper left corner lies at 0 E, 0 N."""
    image = geotiff(np.ones((40, 60), np.uint8))
    (tmp_path / "scenes.csv").write_text(f"scene,path\nwest,{image}\n")
    scales = [dict(gsd_m=100, tile_px=32, overlap_px=16)]
    network = dict(family="segmentation", weights="any.safetensors", sha256="0" * 64)

    def make(labels=(), **change):
        aim = dict(segmentation_training=dict(labels=list(map(str, labels)))) if labels else dict(model=network)
        settings = Settings(run="r", body="Moon", scenes=tmp_path / "scenes.csv", scales=scales, **aim, **change)
        return current_plan(settings, tmp_path / "plan.parquet")

    return make


def refusal(plan, **change):
    with pytest.raises(OrbitileError) as caught:
        plan(**change)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("key", ["inside", "outside", "seams"])
def test_areas_are_read(plan, write, key):
    nan = shapely.Polygon([(0, 0), (1, np.nan), (1, 1)])
    assert "shapes.gpkg: the feature in row 2 has a coordinate" in refusal(plan, mapping={key: write(ON_SCENE, nan)})


def test_truth_and_labels_are_read(plan, write):
    path = write(ON_SCENE, shapely.Point(1, 1))
    assert "row 2 is a Point" in refusal(plan, evaluation=dict(truth=path))
    assert "row 2 is a Point" in refusal(plan, labels=[path])


def test_sound_files_are_taken(plan, write, caplog):
    path = write(ON_SCENE, ELSEWHERE)
    plan(mapping=dict(inside=path, outside=path, seams=path), evaluation=dict(truth=path))
    plan(labels=[path])
    assert not caplog.text


def test_files_are_read_once_for_each_version(plan, write, monkeypatch):
    calls, check = [], vector_checks.check_vectors
    monkeypatch.setattr(vector_checks, "check_vectors", lambda *arguments: calls.append(check(*arguments)))
    path = write(ON_SCENE)
    for count, shapes in enumerate([(ON_SCENE,), (ON_SCENE, ELSEWHERE)], 1):
        path.unlink()
        write(*shapes)
        for _ in range(2):
            plan(mapping=dict(outside=path))
        assert len(calls) == count


def test_a_refused_file_is_refused_again(plan, write):
    path = write(shapely.Point(1, 1))
    for _ in range(2):
        assert "row 1 is a Point" in refusal(plan, mapping=dict(outside=path))


def test_what_decides_on_everything_must_reach_a_scene(plan, write, caplog):
    path = write(ELSEWHERE)
    assert "none of its polygons lies on a scene of this run (west)" in refusal(plan, mapping=dict(inside=path))
    assert "empty labels, no pixel would be labelled" in refusal(plan, labels=[path])
    plan(mapping=dict(outside=path, seams=path))
    assert not caplog.text
    plan(evaluation=dict(truth=path))
    assert "shapes.gpkg: no feature lies on a scene of this run (west), the first at 18.47 E, 17.81 N" in caplog.text


@pytest.mark.parametrize("key", ["inside", "outside", "seams"])
def test_degrees_that_are_declared_as_metres(plan, write, key):
    far, on_scene = shapely.box(100, 20, 101, 21), shapely.box(10, -20, 11, -10)
    assert "its coordinates look like degrees" in refusal(plan, mapping={key: write(far)})
    assert "its coordinates look like degrees" in refusal(plan, mapping={key: write(on_scene, name="tiny.gpkg")})


def test_a_landing_site_around_the_origin(plan, write):
    plan(mapping=dict(inside=write(shapely.box(0, -90, 300, 0))))


def test_an_area_without_polygons(plan, write):
    line = shapely.LineString([(0, 0), (500, 500)])
    for key in ("inside", "outside"):
        assert "holds lines, which cover no area" in refusal(plan, mapping={key: write(line)})
    assert "holds no polygon" in refusal(plan, mapping=dict(inside=write(name="none.gpkg", width=[])))


def test_craters_are_no_vectors(plan, write, tmp_path):
    settings = Settings(
        run="r", body="Moon", scenes=tmp_path / "scenes.csv", scales=[dict(gsd_m=100)],
        model=dict(weights="any.safetensors", sha256="0" * 64), evaluation=dict(truth=write(ON_SCENE)),
    )  # fmt: skip
    assert vector_files.vector_files(settings) == {}
