"""A map made on a cluster is the one made on one machine, whatever happens on the way."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from cluster_projects import inferring, made, on, only_tiled, pieces
from projects import Project, make_fracture_project
from slurm import Cluster

MAP = "results/small/map/polygons.json"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two abutting scenes in one group, and their map."""
    return made(make_fracture_project(tmp_path_factory.mktemp("local") / "run", scenes_per_group=2), MAP)


@pytest.fixture
def tiled(local: Project, tmp_path: Path, cluster: Cluster) -> Project:
    """The same project with nothing done but the tiles."""
    later = ("stitched", "probability", "work/outline", "outlines", "map")
    return on(cluster, only_tiled(local.copy(tmp_path / "run"), *later))


@pytest.mark.xdist_group("map")
def test_the_map_on_the_cluster(cluster: Cluster, local: Project, tmp_path: Path):
    """Each scene is a group of its own there."""
    project = made(on(cluster, make_fracture_project(tmp_path)), MAP)
    assert len(list(project.result("outlines").glob("*.parquet"))) == 2
    assert project.mapped == local.mapped
    assert project.jobs(MAP) == set()


@pytest.mark.xdist_group("map")
def test_a_cancelled_job(cluster: Cluster, local: Project, tiled: Project):
    """What was done is kept, no tile is searched again, and the map is the same."""
    with inferring(tiled, cluster, target=MAP, some=range(1, 2)) as running:
        cluster.cancel(running.job)
        assert running.driver.wait(300) == 1
    kept = pieces(tiled)
    said = tiled.ask("failures").stdout
    assert "stopped by SIGTERM" in said
    assert "-- results/small/outlines/" in said
    assert made(tiled, MAP).mapped == local.mapped
    assert kept.items() <= pieces(tiled).items()
    assert searched(tiled) == len(pd.concat(map(pd.read_parquet, tiled.result("predictions").glob("*.parquet"))))


def searched(project: Project) -> int:
    """How many tiles all fragments of a search hold, a row for each."""
    return sum(pq.read_metadata(path).num_rows for path in project.result("work/infer").glob("*/[!.]*.parquet"))
