import json
import shlex
import sys
from pathlib import Path

import pytest

from orbitile.jobs.call import UNKNOWN, call_of, freeze_config, has_call, keep_call, options_of, read_call

LOCAL = ["--profile", "profiles/local", "--configfile", "my settings.yaml"]


@pytest.mark.parametrize(
    ("arguments", "targets", "expected"),
    [
        (LOCAL, [], LOCAL),
        ([*LOCAL, "--quiet", "host", "reason", "--", "all", "annotated"], ["all", "annotated"],
         [*LOCAL, "--quiet", "host", "reason"]),
        (["all", *LOCAL], ["all"], LOCAL),
        ([*LOCAL, "-c", "4", "results/r/tiles/g.parquet"], ["results/r/tiles/g.parquet"], [*LOCAL, "-c", "4"]),
        ([*LOCAL, "-n"], [], LOCAL),
        (["-n", *LOCAL, "--forcerun", "infer", "tile", "--cores", "2", "--", "all"], ["all"], [*LOCAL, "--cores", "2"]),
        ([*LOCAL, "--until=tile", "-R", "infer", "--config", "allow_failures=true", "run=all"], [],
         [*LOCAL, "--config", "allow_failures=true", "run=all"]),
        (["--config", "run=all", "--", "all"], ["all"], ["--config", "run=all"]),
    ],
)  # fmt: skip
def test_a_call_without_what_it_runs(arguments, targets, expected):
    assert options_of(arguments, targets) == expected


def test_a_call_is_kept_with_its_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call = call_of([*LOCAL, "--", "all"], ["all"], str(tmp_path))
    keep_call(tmp_path / "results" / "r", call)
    assert read_call(tmp_path / "results" / "r") == call
    snakemake = Path(sys.executable).with_name("snakemake")
    assert shlex.split(call.command("--", "x y")) == [str(snakemake), *LOCAL, "--", "x y"]


def test_a_call_says_where_it_was_made(tmp_path, monkeypatch):
    """Its options may hold paths from there."""
    folder = tmp_path / "with space"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    call = call_of(LOCAL, [], str(folder))
    assert call.command("--", "all").startswith(f"cd '{folder}' && ")


def test_the_program_of_the_checkout_is_named_from_there(tmp_path, monkeypatch):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "snakemake").touch()
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    assert call_of([], [], str(tmp_path)).program == [".venv/bin/snakemake"]
    (tmp_path / ".venv" / "bin" / "snakemake").unlink()
    assert call_of([], [], str(tmp_path)).program == [sys.executable, "-m", "snakemake"]


@pytest.mark.parametrize("content", [None, "", "{}", '{"program": []}', "[1]"])
def test_a_run_without_its_call_says_what_to_put_in(tmp_path, content):
    if content is not None:
        (tmp_path / "jobs").mkdir()
        (tmp_path / "jobs" / "call.json").write_text(content)
    assert read_call(tmp_path) == UNKNOWN
    assert not has_call(tmp_path)


def test_the_settings_of_jobs_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = dict(run="r", scales=[dict(gsd_m=100.0)], crs=None)
    path = freeze_config("results/r", config)
    monkeypatch.chdir("/")
    assert path == tmp_path / "results" / "r" / "jobs" / "config.json"
    assert json.loads(path.read_text()) == config
