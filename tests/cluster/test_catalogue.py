"""The demo on a cluster gives the catalogue that it gives on one machine, however its scenes are grouped."""

import pandas as pd
import pytest
from cluster_projects import on
from projects import Project, make_demo
from slurm import Cluster


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The demo's catalogue, made here in one group."""
    project = make_demo(tmp_path_factory.mktemp("local"), scenes_per_group=9)
    done = project.run("results/demo/catalogue/craters.json")
    assert done.returncode == 0, done.stderr
    return project


@pytest.mark.xdist_group("demo")
@pytest.mark.parametrize(("scenes_per_group", "groups"), [(2, 5), (4, 3)])
def test_the_demo_on_the_cluster(cluster: Cluster, local: Project, tmp_path, scenes_per_group, groups):
    project = on(cluster, make_demo(tmp_path, scenes_per_group=scenes_per_group))
    done = project.run("all")
    assert done.returncode == 0, done.stderr
    assert len(list(project.result("suppressed").glob("*.parquet"))) == groups
    pd.testing.assert_frame_equal(project.catalogue, local.catalogue, check_exact=True)
    assert project.jobs("all") == set()
