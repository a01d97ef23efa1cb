"""The environment files, the image and .venv agree with the lock, and with what the workflow imports."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "workflow" / "lib"
SETS = ["rasters", "networks", "isis"]
# The Snakefile runs this stage itself, so that no rule names it.
PLAN = LIBRARY / "orbitile" / "planning" / "plan.py"
PYTHON = {"python_version": "3.11", "python_full_version": "3.11.0"}


def environment(name):
    return yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())["dependencies"]


def pins(name):
    """The versions that a set asks pip for."""
    requirements = [Requirement(text) for text in environment(name)[-1]["pip"]]
    return {requirement.name: str(requirement.specifier) for requirement in requirements}


def locked():
    """The versions in the lock for the Python of the sets."""
    lines = (ROOT / "envs" / "requirements.lock").read_text().splitlines()
    requirements = [Requirement(line.rstrip(" \\")) for line in lines if line[:1].strip()]
    applicable = [line for line in requirements if line.marker is None or line.marker.evaluate(PYTHON)]
    return {requirement.name: str(requirement.specifier) for requirement in applicable}


def rules():
    """Rule, environment file and script of every rule that has both."""
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for block in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            file, script = re.search(r"envs/(\S+)\"", block), re.search(r"scripts/(\S+)\"", block)
            if file and script:
                yield block.split(":")[0], file[1], ROOT / "workflow" / "scripts" / script[1]


def served(name):
    """The scripts that run in a set, and with networks those of rasters too: it has room for all. ISIS's has not."""
    files = {"rasters.yaml", "networks.yaml"} if name == "networks" else {f"{name}.yaml"}
    planned = [] if name == "isis" else [PLAN]
    return [*planned, *(script for _, file, script in rules() if file in files)]


def imported(path):
    """Every name that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(name):
    """The files of our library among `name` and the packages that it lies in."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        stem = LIBRARY.joinpath(*parts[:length])
        yield from (path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file())


def needed(paths):
    """The packages that files import, themselves and through our library."""
    queue, read, packages = list(paths), set(), set()
    while queue:
        path = queue.pop()
        if path not in read:
            read.add(path)
            names = list(imported(path))
            packages |= {name.split(".")[0] for name in names}
            queue += [module for name in names for module in modules(name)]
    return packages - sys.stdlib_module_names - {"orbitile"} - extras()


def extras():
    """Packages that users install where they want them: the optional dependencies of the project."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"].values()
    return {Requirement(text).name.replace("-", "_") for group in groups for text in group}


def distributions(packages):
    """The names by which pip may know each package."""
    distributions_of = packages_distributions()
    return {package: {name.lower().replace("_", "-") for name in distributions_of[package]} for package in packages}


@pytest.mark.parametrize("name", SETS)
def test_every_pin_is_the_locks(name):
    versions = pins(name)
    assert versions == {package: locked().get(package) for package in versions}


@pytest.mark.parametrize("name", SETS)
def test_every_import_of_a_set_is_pinned(name):
    names_of = distributions(needed(served(name)))
    assert {package for package, names in names_of.items() if not names & set(pins(name))} == set()


@pytest.mark.parametrize("name", SETS)
def test_every_pin_is_imported(name):
    names = set().union(*distributions(needed(served(name))).values())
    assert set(pins(name)) - names == {"snakemake"}


@pytest.mark.parametrize("name", SETS)
def test_sets_have_the_python_of_their_pins(name):
    assert environment(name)[0] == f"python ={PYTHON['python_version']}"


def test_every_rule_runs_in_a_set():
    assert {file for _, file, _ in rules()} == {f"{name}.yaml" for name in SETS}


def test_networks_can_do_what_rasters_can():
    assert pins("rasters").items() <= pins("networks").items()


def test_craterstats_is_pinned_alike_and_locked_without_addresses():
    lock = (ROOT / "envs" / "craterstats.lock").read_text()
    (pin,) = pins("craterstats").items()
    assert f"{''.join(pin)} \\\n    --hash=" in lock
    assert "".join(pin) in (ROOT / "envs" / "craterstats.in").read_text()
    assert "://" not in lock
    install = (ROOT / "envs" / "craterstats.sh").read_text()
    assert "--require-hashes" in install
    assert environment("craterstats")[0] == "python =3.12"


def test_what_craterstats_runs_imports_nothing_of_ours():
    names = {name.split(".")[0] for name in imported(LIBRARY / "craterstats_ages.py")}
    assert names - sys.stdlib_module_names == {"craterstats", "numpy"}


@pytest.mark.parametrize("file", ["setup.sh", "Dockerfile"])
def test_image_and_venv_are_made_from_the_lock_alone(file):
    text = (ROOT / "envs" / file).read_text()
    (install,) = re.findall(r"pip install .*", text)
    assert "requirements.lock" in text
    assert "--require-hashes" in text
    assert not re.search(r"\w==", install)


def test_the_containers_profile_is_the_local_one_and_a_wait():
    local, container = (
        yaml.safe_load((ROOT / "profiles" / name / "config.yaml").read_text()) for name in ("local", "container")
    )
    assert container == local | {"latency-wait": 30}


def test_pip_installs_what_the_workflow_imports():
    """`pip install .` brings what the sets pin, by the file that the lock is made from, and the command `orbitile`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (file,) = project["tool"]["setuptools"]["dynamic"]["dependencies"]["file"]
    lines = (ROOT / file).read_text().splitlines()
    dependencies = {Requirement(line).name for line in lines if line and not line.startswith("#")}
    assert "dependencies" in project["project"]["dynamic"]
    assert set().union(*map(pins, SETS)) <= dependencies <= {*locked()}
    assert f"-r {Path(file).name}" in (ROOT / "envs" / "requirements.in").read_text()
    module, function = project["project"]["scripts"]["orbitile"].split(":")
    assert callable(getattr(import_module(module), function))


def test_building_the_graph_imports_no_cameras_and_no_network():
    """Every job parses the Snakefile again: what that imports, each of thousands waits for."""
    code = (
        "import sys, orbitile.settings, orbitile.planning.plan, orbitile.jobs.driver\n"
        "from orbitile.georeferencing.instruments.isis_support import isis_enabled\n"
        "isis_enabled('auto')\n"
        "print({'torch', 'rasterio', 'scipy', 'spiceypy', 'pvl', 'geopandas', 'matplotlib'} & set(sys.modules))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ISIS")}
    environment["PYTHONPATH"] = str(ROOT / "workflow" / "lib")
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
