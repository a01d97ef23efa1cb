"""The image: built, and running the demo like .venv does. Slow: `make test-container` runs it, `make test` does not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"VARIANT": "cpu"}, cwd=ROOT)


def inside(folder, *command, options=()):
    """Run a command in the image, with a folder lent to it beside the checkout."""
    launcher = str(ROOT / "envs" / "container.sh")
    return run(launcher, "run", "--volume", f"{folder}:{folder}", *options, "--", *command)


def outside(folder, *command):
    return run(sys.executable, "-m", *command)


def demo(where, folder, profile, *options):
    """Run the demo in a folder of its own, which sees the checkout's demo."""
    command = ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    settings = ["--configfile", "demo/demo.yaml"]
    return where(folder, *command, *settings, "--profile", str(ROOT / "profiles" / profile), *options, "--", "all")


def place(folder):
    (folder / "demo").symlink_to(ROOT / "demo")
    return folder


def proof(folder):
    """The catalogue's hash and length."""
    proof = json.loads((folder / "results" / "demo" / "catalogue" / "craters.json").read_text())
    return proof["sha256"], proof["rows"]


@pytest.fixture(scope="module", autouse=True)
def image():
    """The image of the checkout as it is: made, or found to be current."""
    done = run("make", "container")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder in which the demo ran inside the image."""
    folder = place(tmp_path_factory.mktemp("inside"))
    done = demo(inside, folder, "container")
    assert done.returncode == 0, done.stderr
    return folder


def test_dry_run(tmp_path):
    done = demo(inside, place(tmp_path), "container", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "This was a dry-run" in done.stdout + done.stderr


def test_catalogue_is_that_of_a_run_outside(finished, tmp_path):
    done = demo(outside, place(tmp_path), "local")
    assert done.returncode == 0, done.stderr
    assert proof(finished) == proof(tmp_path)


def test_run_that_ended_inside_is_finished_outside(finished):
    done = demo(outside, finished, "local", "--dry-run")
    assert "Nothing to be done" in done.stdout + done.stderr


def test_results_belong_to_the_caller(finished):
    assert {path.stat().st_uid for path in (finished / "results").rglob("*")} == {os.getuid()}


def test_networks_train_and_find_inside(tmp_path):
    names = ("training/detection/test_train", "inference/models/test_weights", "inference/models/test_yolo")
    tests = [f"tests/unit/{name}.py" for name in names]
    command = ["python", "-m", "pytest", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "tests"), *tests]
    done = inside(tmp_path, *command)
    assert done.returncode == 0, done.stdout


def test_any_user_can_use_it(tmp_path):
    code = "import getpass, torch, ultralytics, matplotlib.pyplot as plt; plt.figure(); print(getpass.getuser())"
    done = inside(tmp_path, "python", "-c", code, options=("--user", "4321:4321", "--workdir", "/tmp"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", ["/opt/orbitile/a", "/usr/bin/a", "/home/a"])
def test_nothing_is_written_elsewhere(tmp_path, path):
    assert "Read-only file system" in inside(tmp_path, "touch", path).stderr


def test_launcher_keeps_arguments_apart(tmp_path):
    words = ["a b", "--", "$HOME", "'\"", ""]
    done = inside(tmp_path, "python", "-c", "import sys; print(sys.argv[1:])", *words)
    assert done.stdout.strip() == str(words)


def test_launcher_gives_back_the_commands_result(tmp_path):
    assert inside(tmp_path, "sh", "-c", "exit 7").returncode == 7
