"""The library as pip installs it, away from a clone: its command, its networks, and what other programs run of it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKED = ("pyproject.toml", "LICENSE", "envs/runtime.in", "models", "workflow/lib")
ASK = """
import sys
from orbitile.counting.craterstats_program import SCRIPT
from orbitile.inference.models.zoo import ZOO, read_network
import settings_gate
print(SCRIPT.is_file(), read_network("moon-relief-474m").weights.is_file(), ZOO)
"""


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """The prefix under which the project is installed, without what it depends on."""
    folder, prefix = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("prefix")
    for name in PACKED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, folder / name)
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--no-compile", "--prefix", prefix]
    command = [sys.executable, "-m", "pip", "install", *options, folder]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return prefix


def ask(prefix, folder, *arguments):
    """What the installed library prints in a folder that is no clone."""
    (library,) = prefix.glob("lib/python*/site-packages")
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True,
                          env=os.environ | dict(PYTHONPATH=str(library)))  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_networks_with_names_come_along(prefix, tmp_path):
    facts = ask(prefix, tmp_path, "-c", ASK).split()
    assert facts == ["True", "True", str(prefix / "share" / "orbitile" / "models")]
    table = ask(prefix, tmp_path, prefix / "bin" / "orbitile", "models")
    assert all(path.stem in table for path in (ROOT / "models").glob("*.safetensors"))
