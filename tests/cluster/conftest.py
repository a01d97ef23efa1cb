"""The cluster that the tests run jobs on."""

from collections.abc import Iterator

import pytest
from slurm import Cluster, ClusterError


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Slurm of the tests' own, with three idle nodes. Who switches a node off switches it on again."""
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
    except ClusterError as error:
        pytest.fail(str(error), pytrace=False)
    yield cluster
    cluster.stop()
