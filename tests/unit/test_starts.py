"""What a stage imports before it works: every job pays for it, and most of a small run is starts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
SLOW = {"torch", "numba", "matplotlib", "geopandas", "pydantic", "spiceypy", "pvl", "scipy.ndimage", "scipy.optimize",
        "scipy.stats", "scipy.spatial", "scipy.interpolate"}  # fmt: skip
COMPILER = {"torch._dynamo", "torch._inductor", "sympy", "triton"}
NOT_IMPORTED = {
    **dict.fromkeys(["georeference", "downsample", "tile"], SLOW | {"pandas"}),
    **dict.fromkeys(["untile", "suppress"], SLOW),
    "catalogue": SLOW - {"geopandas"},
    "completeness": SLOW - {"geopandas", "scipy.ndimage"},
    "infer": (SLOW | COMPILER | {"pandas"}) - {"torch", "scipy.ndimage"},
}
IMPORT = """
import ast, json, os, sys
from pathlib import Path

import numpy, pyarrow

def modules_of(script):
    nodes = ast.walk(ast.parse(script.read_text()))
    imports = [node for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
    exec(compile(ast.Module(imports, []), str(script), "exec"), {})
    return sorted(sys.modules)

for path in map(Path, sys.argv[1:]):
    if os.fork() == 0:
        print(json.dumps([path.stem, modules_of(path)]), flush=True)
        os._exit(0)
    os.wait()
"""
"""Prints what is imported by the imports of each script, of its job's too, each in a process of its own."""


@pytest.fixture(scope="module")
def imported():
    """The modules that each script imports."""
    paths = [str(SCRIPTS / f"{stage}.py") for stage in NOT_IMPORTED]
    library = str(SCRIPTS.parent / "lib")
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, *paths], cwd=library, capture_output=True, text=True, check=True
    )
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.parametrize("stage", NOT_IMPORTED)
def test_stages_start_without_what_they_may_not_need(imported, stage):
    assert f"orbitile.stages.{stage}" in imported[stage]
    assert NOT_IMPORTED[stage] & set(imported[stage]) == set()


def test_a_plan_of_maps_is_made_without_cameras():
    code = "import json, sys, orbitile.planning.headers; print(json.dumps(sorted(sys.modules)))"
    library = str(SCRIPTS.parent / "lib")
    done = subprocess.run([sys.executable, "-c", code], cwd=library, capture_output=True, text=True, check=True)
    assert {"scipy.signal", "scipy.interpolate", "scipy.spatial"} & set(json.loads(done.stdout)) == set()
