"""ISIS's own environment, as far as it can be tried without conda: a program that stands in for it."""

import os
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[4] / "envs" / "isis.post-deploy.sh"


@pytest.fixture
def prefix(tmp_path):
    """An environment into whose folder the script has been let."""
    prefix, conda = tmp_path / "my envs" / "it's one", tmp_path / "conda"
    prefix.mkdir(parents=True)
    conda.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/asked"\n')
    conda.chmod(0o755)
    environment = os.environ | dict(CONDA_PREFIX=str(prefix), CONDA_EXE=str(conda))
    subprocess.run(["sh", DEPLOY], env=environment, check=True)
    return prefix


def activated(prefix, **variables):
    """ISISROOT and the PATH in an activated environment."""
    environment = dict(PATH="/usr/bin:/bin", CONDA_PREFIX=str(prefix)) | variables
    command = '. "$CONDA_PREFIX/etc/conda/activate.d/isis.sh"; printf "%s\\n" "$ISISROOT" "$PATH"'
    return subprocess.check_output(["sh", "-euc", command], env=environment, text=True).splitlines()


def test_isis_gets_a_folder_of_its_own(prefix, tmp_path):
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[asked.index("--prefix") + 1] == f"{prefix}/isis"
    assert asked[-1] == "isis=8.3.0"


def test_its_programs_come_after_all_others(prefix):
    assert activated(prefix) == [f"{prefix}/isis", f"/usr/bin:/bin:{prefix}/isis/bin"]


def test_an_isis_that_is_there_already_stays(prefix):
    assert activated(prefix, ISISROOT="/opt/isis") == ["/opt/isis", "/usr/bin:/bin"]
