"""Scenes on a server on this machine, from the plan to their rasters, beside the same scenes as files. All made up."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from image_server import busy, changing, image_server, stalling, truncating

from orbitile.base import remote_files
from orbitile.base.errors import OrbitileError
from orbitile.base.image_cache import ImageCache
from orbitile.georeferencing.project_image import TargetGrid
from orbitile.jobs.pieces import JobWork
from orbitile.planning.plan import current_plan
from orbitile.space.bodies import find_body
from orbitile.stages.georeference import GeoreferenceTarget, georeference
from orbitile.tables.plan import read_rows, read_scenes
from orbitile.tables.rasters import read_rasters

NAMES = ("a", "b", "c")


@pytest.fixture
def place(tmp_path, geotiff, monkeypatch):
    """A server of three scenes, one of them between the pixels of the run's map, that nobody waits long for."""
    folder = tmp_path / "server"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number, name in enumerate(NAMES):
        pixels = rng.integers(1, 255, (70, 90)).astype(np.uint8)
        gsd = 70.0 if name == "c" else 100.0
        geotiff(pixels, f"server/{name}.tif", left=20_000 * number, gsd=gsd, tiled=True, blockxsize=16, blockysize=16)
    for name, value in dict(TIMEOUT_S=0.3, WAITS_S=(0.01, 0.01), DOWNLOAD_PART_BYTES=1000).items():
        monkeypatch.setattr(remote_files, name, value)
    with image_server(folder) as server:
        yield server


@pytest.fixture
def run(tmp_path, settings_of_rows, in_this_process):
    """Plans scenes whose images lie somewhere, and georeferences them as far as that can be done: rows and failures."""

    def run(somewhere, servers=(), between=lambda: None, cache=None):
        folder = tmp_path / ("remote" if servers else "local")
        (folder / "results").mkdir(parents=True, exist_ok=True)
        rows = [f"{name},{somewhere}/{name}.tif,g" for name in NAMES]
        settings = settings_of_rows(
            *rows, columns="scene,path,group", body="Moon", gsd_m=100, access=dict(servers=list(servers))
        )
        current_plan(settings, folder / "plan.parquet")
        between()
        work = JobWork(allow_failures=True)
        target = GeoreferenceTarget(TargetGrid(find_body("Moon"), None, 100), (0.5, 99.5), in_place=True)
        scenes = read_scenes(folder / "plan.parquet", "g")
        georeference(scenes, target, str(folder / "rasters"), str(folder / "out.parquet"), work, cache)
        return {row.scene: row for row in read_rasters(folder / "out.parquet")}, work.failures

    return run


def pixels_of(row):
    with rasterio.open(row.path) as source:
        return source.read(masked=True).filled(0).tolist()


def test_scenes_on_a_server_are_what_they_are_as_files(place, run, tmp_path):
    place.faults = dict(a=busy(1), b=stalling(0.6, 1)) | {"c.tif": truncating(place.folder / "c.tif", 1)}
    local, _ = run(place.folder)
    remote, failures = run(place.address, [place.address])
    assert failures == [] and remote.keys() == local.keys() == {*NAMES}
    for name in NAMES:
        assert replace(remote[name], path=local[name].path) == local[name]
        assert pixels_of(remote[name]) == pixels_of(local[name])
    assert not [path for path in (tmp_path / "remote").rglob("*") if "download" in path.name]


def test_scenes_of_which_copies_are_kept_are_what_they_are_without(place, run, tmp_path):
    cache = ImageCache(tmp_path / "cache", 10**6)
    first, _ = run(place.address, [place.address], cache=cache)
    shutil.rmtree(tmp_path / "remote")
    place.requests.clear()
    again, failures = run(place.address, [place.address], cache=cache)
    assert failures == [] and again == first and len(first) == len(NAMES)
    asked = place.requests.copy()
    shutil.rmtree(tmp_path / "remote")
    place.requests.clear()
    without, _ = run(place.address, [place.address])
    assert without == first
    assert all(asked[f"{name}.tif"] < place.requests[f"{name}.tif"] for name in NAMES)


FAULTS = {
    "busy": (lambda path: busy(99), "HTTP status 503"),
    "stalling": (lambda path: stalling(0.6, 99), "does not answer as it should"),
    "truncating": (lambda path: truncating(path, 99), "does not answer as it should"),
    "changing": (lambda path: changing(lambda: path.write_bytes(path.read_bytes() + b"x"), 3), "changed since"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_scene_that_cannot_be_fetched_fails_by_name_and_the_others_go_on(place, run, fault):
    make, words = FAULTS[fault]

    def go_wrong():
        place.requests.clear()
        place.faults["b.tif"] = make(place.folder / "b.tif")

    rows, failures = run(place.address, [place.address], between=go_wrong)
    assert rows.keys() == {"a", "c"}
    assert [failure.scene for failure in failures] == ["b"]
    assert failures[0].reason.startswith(f"{place.address}/b.tif: ") and words in failures[0].reason


def test_nobody_is_asked_who_is_not_named(place, run):
    for servers in ([], ["http://127.0.0.1:1"], [f"{place.address}/elsewhere"]):
        with pytest.raises(OrbitileError, match=r"scene a: .*a\.tif: lies on a server that may not be asked"):
            run(place.address, servers)
    assert not place.requests


def test_a_scene_that_changes_on_its_server_is_planned_again(place, run, tmp_path):
    run(place.address, [place.address])
    plan = tmp_path / "remote" / "plan.parquet"
    before = {row.scene: row.fingerprint for row in read_rows(plan)}
    path = place.folder / "b.tif"
    path.write_bytes(path.read_bytes())
    place.faults["a.tif"] = busy(1)  # who does not answer counts as unchanged
    run(place.address, [place.address])
    after = {row.scene: row.fingerprint for row in read_rows(plan)}
    assert {name for name in NAMES if before[name] != after[name]} == {"b"}


def test_only_maps_are_fetched(place, run, geotiff):
    Path(geotiff(np.ones((20, 20), np.uint8), "server/b.tif", crs=None))
    with pytest.raises(OrbitileError, match=r"b\.tif"):
        run(place.address, [place.address])
