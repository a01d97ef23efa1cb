"""Faults on a cluster: each costs the pieces at hand and no more, and one more call gives the same catalogue."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from cluster_projects import CATALOGUE, RASTERS, inferring, made, on, only_tiled, pieces
from projects import Project, make_demo
from slurm import Cluster


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three scenes of the demo in one group, with their catalogue."""
    return made(make_demo(tmp_path_factory.mktemp("undisturbed") / "run", scenes=3, scenes_per_group=3), CATALOGUE)


@pytest.fixture
def tiled(undisturbed: Project, tmp_path: Path, cluster: Cluster) -> Project:
    """The same project with nothing done but the tiles."""
    project = undisturbed.copy(tmp_path / "run")
    return on(cluster, only_tiled(project, "detections", "suppressed", "catalogue"))


def group_of(project: Project) -> str:
    (table,) = project.result("tiles").glob("*.parquet")
    return table.stem


def finish(project: Project, undisturbed: Project, kept: dict[str, int]) -> None:
    """One more call, which makes the rest and gives the same catalogue."""
    made(project, CATALOGUE)
    pd.testing.assert_frame_equal(project.catalogue, undisturbed.catalogue, check_exact=True)
    now = pieces(project)
    assert len(now) >= RASTERS
    assert kept.items() <= now.items()
    log = project.result(f"logs/infer/{group_of(project)}.log").read_text()
    assert not kept or re.search(r"\d+ of \d+ pieces already done \(\d+ of \d+ tiles\)", log)
    for earlier in ("georeference", "downsample", "tile"):
        assert not project.result(f"logs/{earlier}").exists()


def failures(project: Project) -> pd.DataFrame:
    """What `python -m orbitile failures` finds, on the cluster's login node."""
    done = project.ask("failures")
    assert done.returncode == 0, done.stderr
    return pd.read_parquet(project.result("failures.parquet"))


def reasons(project: Project) -> list[str]:
    return failures(project)["reason"].tolist()


def test_a_cancelled_job(cluster: Cluster, tiled: Project, undisturbed: Project):
    with inferring(tiled, cluster) as running:
        cluster.cancel(running.job)
        assert running.driver.wait(300) == 1
    kept = pieces(tiled)
    assert len(kept) >= 2
    assert "stopped by SIGTERM" in reasons(tiled)[0], cluster.situation()
    finish(tiled, undisturbed, kept)
    assert reasons(tiled) == []


def test_a_node_that_dies(cluster: Cluster, tiled: Project, undisturbed: Project):
    """Slurm notices, and runs the job elsewhere; nobody needs to call again."""
    with inferring(tiled, cluster) as running:
        node = cluster.job(running.job).node
        kept = pieces(tiled)
        cluster.kill_node(node)
        try:
            cluster.wait_until(lambda: cluster.job(running.job).state != "RUNNING", 180)
        finally:
            cluster.revive_node(node)
        assert running.driver.wait(400) == 0
    finish(tiled, undisturbed, kept)


def test_out_of_memory(cluster: Cluster, tiled: Project, undisturbed: Project):
    """Room for Snakemake, which needs some 400 MB of every job, and for the record; not for PyTorch."""
    done = tiled.run(CATALOGUE, options=("--set-resources", "infer:mem_mb=700"))
    assert done.returncode == 1
    assert "out of memory" in reasons(tiled)[0]
    finish(tiled, undisturbed, pieces(tiled))


def test_more_memory_for_the_second_attempt(cluster: Cluster, tiled: Project, undisturbed: Project):
    """What the profile does by itself: retries, each with more."""
    options = ("--set-resources", "infer:mem_mb=700 if attempt == 1 else 3000", "--retries", "1")
    done = tiled.run(CATALOGUE, options=options)
    assert done.returncode == 0, done.stderr
    pd.testing.assert_frame_equal(tiled.catalogue, undisturbed.catalogue, check_exact=True)


def test_out_of_time(cluster: Cluster, tiled: Project, undisturbed: Project):
    """A job that hangs, as on a file system that does not answer, until its minute is over."""
    with inferring(tiled, cluster, "--set-resources", "infer:runtime=1") as running:
        assert running.driver.wait(400) == 1
        assert cluster.job(running.job).state == "TIMEOUT"
    assert "stopped by SIGTERM" in reasons(tiled)[0]
    finish(tiled, undisturbed, pieces(tiled))


def test_the_driver_is_killed(cluster: Cluster, tiled: Project, undisturbed: Project):
    """The job lives on. The next call's job for the group waits for it, and finds all pieces done."""
    log = tiled.result(f"logs/infer/{group_of(tiled)}.log")
    with inferring(tiled, cluster) as running:
        os.killpg(running.driver.pid, signal.SIGKILL)
        running.driver.wait()
        second = tiled.start(CATALOGUE, options=("--set-resources", "infer:gpu=0"))  # the only GPU is taken
        cluster.wait_until(lambda: f"waiting for Slurm job {running.job}" in log.read_text(), 240)
        running.go_on()
        assert second.wait(400) == 0
    assert re.search(r"(\d+) of \1 pieces already done", log.read_text())
    pd.testing.assert_frame_equal(tiled.catalogue, undisturbed.catalogue, check_exact=True)


def test_no_second_driver(cluster: Cluster, tiled: Project):
    with inferring(tiled, cluster):
        second = tiled.run(CATALOGUE)
    assert second.returncode == 1
    assert "already drives this run" in second.stderr


def test_settings_that_are_edited_meanwhile(cluster: Cluster, tiled: Project, undisturbed: Project):
    """Each job on the cluster reads settings: those that the run began with, which the next call asks about."""
    edited = tiled.change(suppression=dict(score_threshold=0.6))
    with inferring(tiled, cluster) as running:
        edited.command(CATALOGUE)  # writes its settings
        running.go_on()
        assert running.driver.wait(400) == 0
    pd.testing.assert_frame_equal(tiled.catalogue, undisturbed.catalogue, check_exact=True)
    assert edited.jobs(CATALOGUE) == {"suppress", "catalogue"}


@pytest.fixture
def spoilt(cluster: Cluster, tmp_path: Path) -> Project:
    """The three scenes, the second with its last third missing."""
    project = make_demo(tmp_path / "run", scenes=3, scenes_per_group=3)
    table = pd.read_csv(project.folder / "scenes.csv")
    copies = [project.folder / f"{scene}.tif" for scene in table["scene"]]
    for original, copy in zip(table["path"], copies, strict=True):
        shutil.copy(original, copy)
    table.assign(path=copies).to_csv(project.folder / "scenes.csv", index=False)
    os.truncate(copies[1], copies[1].stat().st_size * 2 // 3)
    return on(cluster, project)


def middle(project: Project) -> tuple[str, Path]:
    row = pd.read_csv(project.folder / "scenes.csv").iloc[1]
    return row["scene"], Path(row["path"])


def test_a_corrupt_scene(spoilt: Project, undisturbed: Project):
    """The group's other scenes are finished; mended, it is the only one that is done again."""
    done = spoilt.run(CATALOGUE)
    assert done.returncode == 1
    (row,) = failures(spoilt).to_dict("records")
    scene, path = middle(spoilt)
    assert (row["rule"], row["scene"]) == ("georeference", scene)
    assert "truncated" in row["reason"]
    assert "Traceback" in row["traceback"]
    kept = pieces(spoilt, "rasters")
    shutil.copy(Path(pd.read_csv(undisturbed.folder / "scenes.csv")["path"][1]), path)
    made(spoilt, CATALOGUE)
    assert kept.items() <= pieces(spoilt, "rasters").items()
    assert len(kept) == 4
    same = [column for column in undisturbed.catalogue.columns if column != "geometry"]
    pd.testing.assert_frame_equal(spoilt.catalogue[same], undisturbed.catalogue[same], check_exact=True)


def test_a_full_disk(cluster: Cluster, undisturbed: Project, tmp_path: Path, small_disk: Path):
    """Room for the first scene and not for all; then somebody makes room."""
    copied = dict(in_place=False)  # what is read where it lies needs no room
    project = on(cluster, make_demo(tmp_path / "run", scenes=3, scenes_per_group=3, georeferencing=copied))
    project.result(".").mkdir(parents=True)
    project.result("rasters").symlink_to(small_disk)
    done = project.run(CATALOGUE)
    assert done.returncode == 1
    assert any("cannot be written" in reason for reason in reasons(project))
    kept = {name: inode for name, inode in pieces(project, "rasters").items() if name.endswith(".tif")}
    assert kept
    subprocess.run(["mount", "-o", "remount,size=100m", small_disk], check=True)
    made(project, CATALOGUE)
    assert kept.items() <= pieces(project, "rasters").items()
    pd.testing.assert_frame_equal(project.catalogue, undisturbed.catalogue, check_exact=True)
