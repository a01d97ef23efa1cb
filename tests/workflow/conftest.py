"""Projects to run the workflow in."""

from pathlib import Path

import pytest
from projects import Project, make_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose catalogue is made."""
    project = make_project(tmp_path_factory.mktemp("finished"))
    done = project.run("all", "annotated")
    assert done.returncode == 0, done.stderr
    return project
