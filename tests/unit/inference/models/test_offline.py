"""Networks load and answer without a home and without the internet, and leave nothing but temporary files."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PREDICT = """
import socket, sys
import torch, yaml

from orbitile.inference.engine.predictions import PredictedBoxes
from orbitile.inference.models.load import load_network
from orbitile.inference.models.network import ModelChoice

root = sys.argv[1]
with open(f"{root}/config/config.yaml") as file:
    sha256 = yaml.safe_load(file)["model"]["sha256"]
weights = f"{root}/models/moon-relief-474m.safetensors"
network = load_network(ModelChoice(weights, sha256, "yolo", "cpu", "float32", False, None, 0.0))
output = network.predict_batch(torch.full((1, 1, 64, 64), 90, dtype=torch.uint8))
assert len(PredictedBoxes.from_output(output).suppressed()), "nothing found"
try:
    socket.create_connection(("192.0.2.1", 80), timeout=0.2)
except OSError as error:
    print(type(error).__name__, error.errno)
"""


def alone():
    """What keeps a process off the network, where the machine lets us: a namespace without any interface."""
    for command in (["unshare", "-n"], ["unshare", "-rn"]):
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    return None


def predict(folder, prefix=(), **variables):
    """Let a process of its own find something, in an environment with nothing in it; `tmp` is for temporary files."""
    for name in ("here", "tmp"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)
    environment = dict(
        PATH=os.environ["PATH"], PYTHONPATH=str(ROOT / "workflow" / "lib"), TMPDIR=str(folder / "tmp")
    ) | variables  # fmt: skip
    command = [*prefix, sys.executable, "-B", "-c", PREDICT, str(ROOT)]
    return subprocess.run(command, cwd=folder / "here", env=environment, capture_output=True, text=True)


def test_without_a_home(tmp_path):
    """A file is where the home should be: nothing can be made in it, not even by root."""
    done = predict(tmp_path, HOME="/dev/null")
    assert (done.returncode, done.stderr) == (0, "")


def test_without_a_network(tmp_path):
    prefix = alone()
    if prefix is None:
        pytest.skip("no namespaces here")
    done = predict(tmp_path, prefix, HOME="/dev/null")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "OSError 101\n"  # the network is unreachable


def test_nothing_is_left_but_in_the_temporary_folder(tmp_path):
    places = {"HOME": "home", "XDG_CONFIG_HOME": "config", "XDG_CACHE_HOME": "cache", "XDG_DATA_HOME": "data"}
    for name in places.values():
        (tmp_path / name).mkdir()
    done = predict(tmp_path, **{variable: str(tmp_path / name) for variable, name in places.items()})
    assert (done.returncode, done.stderr) == (0, "")
    file_folders = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*") if path.is_file()}
    assert file_folders <= {"tmp"}


def test_a_user_without_a_name():
    """As in containers that run under any user's number."""
    nobody = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"]
    reads = [
        *nobody,
        sys.executable,
        "-c",
        "import torch, sys; open(sys.argv[1])",
        str(ROOT / "config" / "config.yaml"),
    ]
    if os.getuid() != 0 or shutil.which("setpriv") is None or subprocess.run(reads, capture_output=True).returncode:
        pytest.skip("only root can be someone else, where others may read this folder")
    with tempfile.TemporaryDirectory() as folder:  # pytest's are closed to others
        Path(folder).chmod(0o755)
        done = predict(Path(folder), nobody, HOME="/dev/null")
    assert (done.returncode, done.stderr) == (0, "")
