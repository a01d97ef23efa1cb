"""A browser, and a folder for what it shows: ORBITILE_TEST_SCREENSHOTS names it, for whoever wants to look."""

import os
from pathlib import Path

import pytest
from browser import Browser, installed_browser
from debian_packages import InstallError


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
