"""The cluster that the tests run jobs on."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm import Cluster, ClusterError


@pytest.fixture(scope="session")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of 9 MB, mounted before the nodes start: what is mounted later, they do not see."""
    folder = tmp_path_factory.mktemp("disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=9m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, small_disk: Path) -> Iterator[Cluster]:
    """A Slurm of the tests' own, with three idle nodes. Who switches a node off switches it on again."""
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
    except ClusterError as error:
        pytest.fail(str(error), pytrace=False)
    yield cluster
    cluster.stop()
