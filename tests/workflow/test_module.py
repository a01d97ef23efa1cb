"""Orbitile as a module of another workflow, as snakedeploy writes it: its settings, rule names and handlers."""

import re
import subprocess
import sys

import yaml
from projects import ROOT, Project, environment

OUTER = """configfile: "outer.yaml"

module orbitile:
    snakefile: "{root}/workflow/Snakefile"
    config: config["craters"]
    {more}

use rule * from orbitile as orbitile_*

onstart:
    orbitile.onstart()

rule counted:
    default_target: True
    input: rules.orbitile_all.input
    output: "counted.txt"
    shell: "touch {{output}}"
"""


def dry_run(project: Project, more: str = "") -> subprocess.CompletedProcess:
    """A dry run of another workflow, which hands over a section of its own settings; there is no config/config.yaml."""
    (project.folder / "outer.yaml").write_text(yaml.safe_dump(dict(craters=project.settings, other=1)))
    (project.folder / "outer.smk").write_text(OUTER.format(root=ROOT, more=more))
    command = [sys.executable, "-m", "snakemake", "--snakefile", "outer.smk", "--cores", "1", "--dry-run", "--quiet"]
    return subprocess.run(
        [*command, "host", "reason"], cwd=project.folder, capture_output=True, text=True, env=environment()
    )


def test_another_workflow_hands_over_its_settings(project: Project):
    done = dry_run(project)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    counts = dict(re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE))
    assert (counts["orbitile_infer"], counts["orbitile_catalogue"], counts["counted"]) == ("2", "1", "1")
    assert project.result("plan.parquet").is_file()


def test_results_elsewhere_are_refused_with_the_way_out(project: Project):
    done = dry_run(project, 'prefix: "sub"')
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "leave them out, and give each run a name of its own" in said
    assert "Traceback" not in said


def test_an_address_finds_all_files():
    """Snakemake joins the folder of a Snakefile at the top of a repository, "", and a path to "/path"."""
    snakefile = ROOT / "workflow" / "Snakefile"
    included = re.findall(r'include: "([^"]+)"', snakefile.read_text())
    assert len(included) > 10
    assert [path for path in included if not (snakefile.parent / path).is_file()] == []
