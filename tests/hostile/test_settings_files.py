"""A settings file is data: no code in it is run, and what is accepted means one thing."""

import subprocess
import sys

import pytest
import yaml
from hostile import settings_files
from hostile.many_inputs import endings_of
from projects import ROOT, environment, make_project

from orbitile.__main__ import check_settings_file
from orbitile.base.errors import OrbitileError


def test_odd_settings_are_refused_in_a_line_or_mean_one_thing(tmp_path):
    endings = endings_of(settings_files.check, tmp_path, "settings ", 300)
    assert endings.count("accepted") > 30 and endings.count("refused") > 100


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path)


def snakemake(project, text, *options):
    """What a dry run with settings of this text says, and its exit status."""
    path = project.folder / "settings.yaml"
    path.write_text(text)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "1", "--dry-run",
               "--directory", str(project.folder), *options, "--configfile", str(path)]  # fmt: skip
    environ = environment() | {"PYTHONPATH": str(ROOT / "workflow" / "lib")}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=project.folder)
    return done.returncode, done.stdout + done.stderr


def program(project):
    code = f"open({str(project.folder / 'CANARY')!r}, 'w').close()"
    return yaml.safe_dump({"__use_yte__": True, "__definitions__": [code]}) + yaml.safe_dump(project.settings)


def test_yte(project):
    """Refused before anything of it is evaluated; without the profile that sees to it, afterwards and loudly."""
    profile = ("--profile", str(ROOT / "profiles" / "local"))
    for options in ((), profile):
        status, output = snakemake(project, program(project), *options)
        assert status != 0
        assert "settings.yaml: line 3: __use_yte__ makes a program of a settings file" in output
        assert not (project.folder / "CANARY").exists()
        assert "Traceback" not in output and 'File "' not in output
    status, output = snakemake(project, program(project), "--workflow-profile", "none")
    assert status != 0
    assert "line 3: __use_yte__" in output and "the code in it has run" in output


def test_duplicate_keys(project):
    text = yaml.safe_dump(project.settings, sort_keys=False)
    status, output = snakemake(project, f"{text}run: other\n", "--workflow-profile", "none")
    assert status != 0
    assert "settings.yaml: line " in output and "the key run stands in line 1 already" in output
    status, output = snakemake(project, text, "--config", "run=a", "run=b")
    assert status != 0
    assert "--config: run is set twice" in output


def test_rings_huge(tmp_path):
    (tmp_path / "w.pt").touch()
    text = settings_files.PLAIN.replace("WEIGHTS", str(tmp_path / "w.pt"))
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    assert check_settings_file(path).rings == 2
    path.write_text(text.replace("rings: 2", "rings: 1000000000000"))
    with pytest.raises(OrbitileError, match=r"suppression\.rings: 1000000000000 given; .* less than or equal to 16"):
        check_settings_file(path)
