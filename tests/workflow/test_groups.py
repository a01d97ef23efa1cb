"""Groups of scenes: run again by name, allowed to fail, and the same catalogue however they are cut."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from projects import SIDE, Project, cut, demo_settings, environment, make_project, write_scenes

from orbitile.tables.detections import DETECTIONS, GEOLOCATED, TILE_DETECTIONS
from orbitile.tables.parquet import write_table
from orbitile.tables.rasters import write_rasters
from orbitile.tables.tiles import SCHEMA as TILES

GROUPS = 306
FAILED = "s117"
TABLES = dict(
    georeferenced=None,
    scaled=None,
    tiles=TILES,
    predictions=TILE_DETECTIONS,
    detections=GEOLOCATED,
    suppressed=DETECTIONS,
)


def write_speckle(path: Path, number: int) -> None:
    """A small made-up scene, beside the one numbered before."""
    pixels = np.random.default_rng(number).integers(1, 255, (64, 64), np.uint8)
    profile = dict(driver="GTiff", width=64, height=64, count=1, dtype="uint8", nodata=0, crs="IAU_2015:30110")
    with rasterio.open(path, "w", transform=Affine(474, 0, number * 64 * 474, 0, -474, 0), **profile) as sink:
        sink.write(pixels, 1)


def write_empty_tables(project: Project, group: str, when: float) -> None:
    """What the stages leave of a group in which nothing is found, each a little later than its input."""
    for number, (stage, schema) in enumerate(TABLES.items()):
        path = project.result(f"{stage}/{group}.parquet")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_rasters([], path) if schema is None else write_table(pd.DataFrame(columns=schema.names), schema, path)
        os.utime(path, (when + number, when + number))


@pytest.fixture
def many(tmp_path: Path) -> Project:
    """A run of 306 made-up scenes, a group each, all finished but one, whose image is cut short."""
    (tmp_path / "images").mkdir()
    names = [f"s{number:03d}" for number in range(GROUPS)]
    for number, name in enumerate(names):
        write_speckle(tmp_path / "images" / f"{name}.tif", number)
    write_scenes(tmp_path, [dict(scene=name, path=f"images/{name}.tif") for name in names])
    settings = demo_settings(tmp_path)
    # Without margins: in a mosaic the others would have waited for the pixels of the failed scene.
    project = Project(tmp_path, settings | dict(scales=settings["scales"][:1], margin="never"))
    earlier = time.time() - 1000
    for path in (tmp_path / "images").iterdir():
        os.utime(path, (earlier, earlier))
    for name in set(names) - {FAILED}:
        write_empty_tables(project, name, earlier + 10)
    os.truncate(tmp_path / "images" / f"{FAILED}.tif", 1500)
    return project


def others(project: Project) -> dict[str, tuple[int, int]]:
    """The other groups' tables: which file each is, and when it was written."""
    tables = [path for stage in TABLES for path in project.result(stage).glob("*.parquet") if path.stem != FAILED]
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in tables}


def test_one_failed_group_is_run_again_by_name(many: Project):
    before = others(many)
    assert len(before) == (GROUPS - 1) * len(TABLES)
    target = f"results/small/suppressed/{FAILED}.parquet"
    failed = many.run(target)
    assert failed.returncode == 1
    said = many.ask("failures").stdout
    assert f"georeference {FAILED}" in said
    assert target in said
    write_speckle(many.folder / "images" / f"{FAILED}.tif", int(FAILED[1:]))
    assert many.jobs(target) == {"georeference", "downsample", "tile", "infer", "untile", "suppress"}
    done = many.run(target)
    assert done.returncode == 0, done.stderr
    assert many.result(f"suppressed/{FAILED}.parquet").is_file()
    assert others(many) == before
    assert "nothing failed" in many.ask("failures").stdout


def test_an_unknown_group_is_named(many: Project):
    done = many.run("results/small/suppressed/s999.parquet")
    assert done.returncode == 1
    assert "the plan has no group 's999'" in done.stderr


def spoil(project: Project) -> Path:
    """Cut the eastern scene short, with its header whole."""
    path = project.folder / "images" / "east.tif"
    cut(path, SIDE, compress=None, tiled=False)
    os.truncate(path, path.stat().st_size // 2)
    return path


def run_printed_command(project: Project) -> subprocess.CompletedProcess:
    """Type the last line of `failures` into a shell somewhere else."""
    command = project.ask("failures").stdout.splitlines()[-1]
    return subprocess.run(["bash", "-c", command], cwd="/", env=environment(), capture_output=True, text=True)


def test_a_failed_scene_is_left_out_by_name(finished: Project, tmp_path: Path):
    """Allowed to fail, it is named in the catalogue; not allowed any more, the way back works as it is printed."""
    project = make_project(tmp_path / "my scenes").change(scenes_per_group=2, evaluation=dict(truth=None))
    path = spoil(project)
    refused = project.run("all")
    assert refused.returncode == 1
    assert "1 of 2 pieces failed, the others are kept" in refused.stderr
    assert "1 failure in scenes east; `make failures RUN=small` shows all" in refused.stderr
    allowed = project.run("all", options=("--config", "allow_failures=true"))
    assert allowed.returncode == 0, allowed.stderr
    proof = json.loads(project.result("catalogue/craters.json").read_text())
    assert [one["scene"] for one in proof["exclusions"]] == ["east"]
    assert set(project.catalogue["scene"]) == {"west"}
    assert "1 failure in scenes east, 1 of them left out of the result" in allowed.stderr
    assert "left out of the catalogue" in project.run("failures").stdout
    again = project.run("all")
    assert again.returncode == 1
    assert "1 pieces were left out in an earlier call" in again.stderr
    shutil.copy(finished.folder / "images" / "east.tif", path)
    typed = run_printed_command(project)
    assert typed.returncode == 0, typed.stderr
    assert "nothing failed" in project.ask("failures").stdout
    mended = project.run("all")
    assert mended.returncode == 0, mended.stderr
    columns = [name for name in finished.catalogue.columns if name != "geometry"]
    pd.testing.assert_frame_equal(project.catalogue[columns], finished.catalogue[columns], check_exact=True)


def test_scenes_without_a_header_are_left_out_of_the_plan(finished: Project):
    project = finished.change(run="headless")
    rows = pd.read_csv(project.folder / "scenes.csv").to_dict("records")
    broken = project.folder / "images" / "broken.tif"
    broken.write_bytes(b"II*\0 made up")
    write_scenes(project.folder, [*rows, dict(scene="broken", path="images/broken.tif")])
    try:
        refused = project.run("all", options=("--dry-run",))
        assert refused.returncode == 1
        assert "broken.tif: cannot be read as an image" in refused.stdout
        allowed = project.run("all", options=("--dry-run", "--config", "allow_failures=true"))
        assert allowed.returncode == 0, allowed.stderr
    finally:
        write_scenes(project.folder, rows)
