"""What a new user meets in the first hour: a dry run, settings without their data, a failure, scenes of their own."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import rasterio
import yaml
from documented_examples import examples
from projects import ROOT, SCENE, SIDE, Project, environment, refused, write_image
from rasterio.windows import Window

LAST_LINES = 30
"""What a terminal shows of a dry run."""


def outputs(done: subprocess.CompletedProcess) -> str:
    return done.stdout + done.stderr


def test_a_dry_run_ends_with_how_many_jobs_there_are(project: Project):
    done = project.run("all", options=("--dry-run",))
    assert done.returncode == 0, outputs(done)
    lines = outputs(done).splitlines()
    assert not [line for line in lines if line.startswith("Reason:")]
    assert any(re.fullmatch(r"total +\d+", line) for line in lines[-LAST_LINES:])
    peaks = r"an estimate: \d+ tiles; up to \d+ MB of disk \(.* are free\), and .* of memory in a job of infer"
    assert any(re.fullmatch(peaks, line) for line in lines)


def test_a_dry_run_reads_the_craters_to_draw(project: Project):
    (project.folder / "craters.csv").write_text("lon,lat,radius\n1,2,3\n")
    annotation = dict(craters=str(project.folder / "craters.csv"))
    refused(project.change(annotation=annotation), "craters.csv", "column radius names no unit", "radius_km")


@pytest.mark.parametrize("name", ["fractures", "europa"])
def test_an_example_without_its_data_says_so_in_a_line(name: str):
    """Scenes and labels to learn from do not come with the project."""
    settings = f"demo/{name}/train.yaml"
    labels = yaml.safe_load((ROOT / settings).read_text())["segmentation_training"]["labels"]
    if all((ROOT / path).is_file() for path in ([labels] if isinstance(labels, str) else labels)):
        pytest.skip("the data are here")
    command = [sys.executable, "-m", "snakemake", "--profile", "profiles/local", "--configfile", settings, "-n"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment())
    assert done.returncode != 0
    faults = [line for line in outputs(done).splitlines() if "no file at demo/" in line]
    assert len(faults) == 1 and settings in faults[0]
    assert "Traceback" not in outputs(done)
    assert "do not come with the project" in (ROOT / settings).read_text()


def test_the_command_after_a_failure_works(project: Project):
    image = project.folder / "images" / "east.tif"
    whole = image.read_bytes()
    image.write_bytes(whole[: len(whole) // 2])
    tables = [f"results/small/georeferenced/{name}.parquet" for name in ("east", "west")]
    failed = project.run(*tables, "report")
    assert failed.returncode != 0
    assert "east.tif" in project.result("report/index.html").read_text()
    said = project.ask("failures").stdout
    command = said.splitlines()[-1].strip()
    assert "--configfile" in command and "--profile" in command
    assert command in outputs(failed)
    image.write_bytes(whole)
    again = subprocess.run(command, shell=True, cwd=project.folder, capture_output=True, text=True, env=environment())
    assert again.returncode == 0, outputs(again)
    assert all((project.folder / table).is_file() for table in tables)
    assert project.ask("failures").stdout.strip().endswith("nothing failed")


def test_the_command_after_a_refused_plan_is_complete(project: Project):
    image = project.folder / "images" / "east.tif"
    away = image.rename(image.with_suffix(".away"))
    assert project.run("annotated", options=("--dry-run",)).returncode != 0
    said = project.ask("failures").stdout
    assert "there is no file" in said
    command = said.splitlines()[-1].strip()
    assert str(project.folder / "settings.yaml") in command and "SETTINGS" not in command
    away.rename(image)
    dry = command.replace(" -- ", " --dry-run -- ")
    again = subprocess.run(dry, shell=True, cwd=project.folder, capture_output=True, text=True, env=environment())
    assert again.returncode == 0, outputs(again)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like a checkout, with two 16-bit scenes and craters in the columns of Robbins."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("Makefile", "Snakefile", "workflow", "profiles", "models", "envs"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    for name, col in (("west", 0), ("east", SIDE)):
        with rasterio.open(SCENE) as source:
            window = Window(col, 600, SIDE, SIDE)
            profile = source.profile | dict(dtype="uint16", transform=source.window_transform(window))
            write_image(folder / "images" / f"{name}.tif", source.read(1, window=window) * 200.0 + 1000, profile)
    craters = pd.read_csv(ROOT / "demo" / "craters.csv")
    columns = dict(lon="LON_CIRC_IMG", lat="LAT_CIRC_IMG", diameter_km="DIAM_CIRC_IMG")
    craters.rename(columns=columns)[list(columns.values())].to_csv(folder / "robbins.csv", index=False)
    return folder


def typed(commands: str, folder: Path) -> str:
    """What comes of commands, typed in a shell; the environment that the tests run in is not made anew."""
    script = f'make() {{ command make -o setup -o .venv/current "$@"; }}\n{commands}'
    done = subprocess.run(["bash", "-ec", script], cwd=folder, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, outputs(done)
    return outputs(done)


def shape(line: str) -> str:
    """A line without its numbers and the width of its gaps."""
    return re.sub(r"\s+", " ", re.sub(r"\d[\d.,]*", "#", line)).strip()


def test_the_page_of_the_first_run(checkout: Path):
    """Every command on the page, in their order; what it shows of the screen is on the screen."""
    said = ""
    for example in examples("first-run.md"):
        if example.kind == "sh":
            said = typed(example.text, checkout)
        elif example.kind == "text":
            lines = {shape(line) for line in said.splitlines()}
            assert {shape(line) for line in example.text.splitlines()} <= lines, said
    results = checkout / "results" / "mine"
    metrics = json.loads((results / "evaluation/metrics.json").read_text())
    assert metrics["n_truth"] > 20 and metrics["f1"] > 0.6
    metadata = json.loads((results / "catalogue/craters.json").read_text())
    assert metadata["rows"] > 50 and metadata["alarm"] is None and metadata["doubts"] == {}
    assert metadata["model_is_for"]["body"] == "Moon"
    assert (results / "report/index.html").is_file()
