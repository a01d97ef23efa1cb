"""docs/catalogue.md: every example runs as it stands there, and gives what a plain filter of all rows gives."""

import os
import subprocess
import sys
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from documented_examples import examples, examples_of
from made_up_catalogue import write_catalogue

BOX = (130, -30, 160, 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The current folder of the examples, with a run results/mars."""
    folder = tmp_path_factory.mktemp("page")
    write_catalogue(folder / "results" / "mars" / "catalogue", 4, 3, 24_000)
    return folder


@pytest.fixture(scope="module")
def rows(folder):
    parts = sorted((folder / "results" / "mars" / "catalogue" / "craters").glob("*.parquet"))
    return pd.concat([pq.ParquetFile(part).read().to_pandas() for part in parts])


@pytest.fixture
def run_example(folder, monkeypatch):
    """Runs the Python example that contains a text, in the folder; gives its variables."""
    monkeypatch.chdir(folder)

    def run(text):
        (code,) = [example for example in examples_of("catalogue.md", "python") if text in example]
        variables = {}
        exec(code, variables)
        return variables

    return run


def in_box(rows):
    return rows[rows["lon"].between(BOX[0], BOX[2]) & rows["lat"].between(BOX[1], BOX[3])]


def places(frame):
    return sorted(zip(frame["lon"], frame["lat"], strict=True))


def test_orbitile(run_example, rows, capsys):
    run_example("large.gpkg")
    expected = in_box(rows).query("diameter_km >= 2 and score >= 0.5")
    frame = geopandas.read_file("large.gpkg")
    assert len(expected) and places(frame) == places(expected)
    assert capsys.readouterr().out == f"24000 craters on Mars\n{len(expected)} of them are large\n"


def test_batches(run_example, rows):
    counts = run_example("np.histogram")["counts"]
    assert counts.sum() > 20_000
    assert np.array_equal(counts, np.histogram(rows["diameter_km"], 2.0 ** np.arange(-3, 9))[0])


@pytest.mark.parametrize("text", ["craters.crs.name", "select(box=box).parts"])
def test_geopandas(run_example, rows, text):
    craters = run_example(text)["craters"]
    assert craters.crs.name == "Mars (2015) - Sphere / Ocentric"
    assert sorted(zip(craters.geometry.x, craters.geometry.y, strict=True)) == places(in_box(rows))


def test_duckdb(run_example, rows, capfd):
    run_example("duckdb.sql")
    expected = in_box(rows).query("score >= 0.5").astype({"scene": str}).groupby("scene").size()
    printed = capfd.readouterr().out
    first = expected.sort_values(ascending=False, kind="stable").index[0]
    assert first in printed and f" {expected.max()} " in printed


def test_the_command_line(folder, rows):
    (commands,) = examples_of("catalogue.md", "sh")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-ec", commands], cwd=folder, env=environment, check=True)
    over_180 = rows[((rows["lon"] >= 170) | (rows["lon"] <= -150)) & rows["lat"].between(0, 30)]
    assert places(geopandas.read_file(folder / "amazonis.gpkg")) == places(over_180.query("diameter_km >= 1"))
    assert len(pd.read_csv(folder / "sure.csv")) == (rows["score"] >= 0.9).sum() > 1000


def test_the_kinds_of_examples():
    """Those in QGIS, with GDAL and with craterpy are run by tests/clients."""
    kinds = {"python", "python in QGIS", "python with craterpy", "sh", "sh with GDAL"}
    assert {example.kind for example in examples("catalogue.md")} == kinds
