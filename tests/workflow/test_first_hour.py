"""What a new user meets in the first hour: a dry run, settings without their data, a failure, scenes of their own."""

import re
import subprocess
import sys

import pytest
import yaml
from projects import ROOT, Project, environment

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
    failed = project.run(*tables)
    assert failed.returncode != 0
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
