"""The catalogue in craterpy, in an environment of its own, as docs/catalogue.md shows it."""

import json
import subprocess
import sys

import numpy as np
import pytest
from debian_packages import InstallError
from documented_examples import examples_of
from made_up_catalogue import write_catalogue
from pip_environment import python_with

import orbitile.catalogue

CRATERPY = "craterpy==0.11.2"
SHOWN = """
import json
print(json.dumps(dict(lon=list(map(float, craters.lon)), lat=list(map(float, craters.lat)),
                      rad=list(map(float, craters.rad)))))
"""


@pytest.fixture(scope="module")
def python():
    try:
        return python_with(CRATERPY)
    except (InstallError, OSError) as error:
        pytest.skip(f"no craterpy here: {error}")


def test_craters_lie_where_they_are_and_have_their_sizes(python, tmp_path):
    catalogue = write_catalogue(tmp_path / "results" / "mars" / "catalogue", 1, 1, 50)
    (example,) = examples_of("catalogue.md", "python with craterpy")
    command = ["export", "results/mars/catalogue", "craters.csv"]
    subprocess.run([sys.executable, "-m", "orbitile", *command], cwd=tmp_path, check=True, capture_output=True)
    done = subprocess.run([python, "-c", example + SHOWN], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout.splitlines()[-1])
    ours = orbitile.catalogue.open(catalogue).table(["lon", "lat", "diameter_km"]).to_pandas()
    columns = np.column_stack([read["lon"], read["lat"], read["rad"]])
    expected = np.column_stack([ours["lon"], ours["lat"], ours["diameter_km"] * 500])  # metres
    assert len(columns) == 50
    assert columns[columns[:, 0].argsort()] == pytest.approx(expected[expected[:, 0].argsort()])
