"""A browser, and a folder for what it shows: ORBITILE_TEST_SCREENSHOTS names it, for whoever wants to look; runs."""

import os
from pathlib import Path

import pytest
from browser import Browser, installed_browser
from debian_packages import InstallError
from projects import Project, made, make_fracture_project, make_project


@pytest.fixture(scope="session")
def browser() -> Browser:
    try:
        return installed_browser()
    except (InstallError, OSError) as error:
        pytest.skip(f"no browser here: {error}")


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    folder = Path(os.environ.get("ORBITILE_TEST_SCREENSHOTS", tmp_path_factory.mktemp("screenshots")))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def crater_run(tmp_path_factory) -> Project:
    """Two scenes cut from the lunar demo, with their report and their page; the sample to be judged has ten rows."""
    project = make_project(tmp_path_factory.mktemp("craters")).change(review=dict(rows=10))
    return made(made(project, "annotated", "page"), "report")  # after the page: else it says that this is at work


@pytest.fixture(scope="session")
def fracture_run(tmp_path_factory) -> Project:
    """Two scenes cut from the fracture demo, with their report and their page."""
    return made(made(make_fracture_project(tmp_path_factory.mktemp("fractures")), "page"), "report")
