"""Craterstats in its own environment: whether it runs, and its answers to requests through files."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened

CHECKOUT = Path(__file__).parents[4]
SCRIPT = Path(__file__).parents[2] / "craterstats_ages.py"
REMEDY = (
    "make its environment with `make craterstats` (it needs Python 3.12), or name the Python of one in dating.program"
)
IMPORT = "import craterstats, spherely; assert craterstats.__version__ >= '3.6'"


def find_program(program: Path) -> tuple[Path | None, str]:
    """The Python that runs Craterstats, from the working folder or else from the checkout; or None, and the reason."""
    places = [program.absolute(), CHECKOUT / program]
    python = next((place for place in places if place.is_file()), None)
    if python is None:
        return None, f"there is no {program}"
    done = subprocess.run([python, "-c", IMPORT], capture_output=True, text=True, env=_environment())
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return None, f"{program} cannot import it ({shortened(lines[-1], 200)})"
    return python, ""


def ask_craterstats(python: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """What Craterstats replies (see craterstats_ages.py); OrbitileError where it refuses the request, or fails."""
    with tempfile.TemporaryDirectory(prefix="craterstats-") as folder:
        files = Path(folder) / "request.json", Path(folder) / "reply.json"
        files[0].write_text(json.dumps(request))
        environment = _environment() | dict(MPLCONFIGDIR=folder)
        done = subprocess.run([python, SCRIPT, *files], capture_output=True, text=True, env=environment, cwd=folder)
        if done.returncode or not files[1].is_file():
            lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise OrbitileError(f"Craterstats ({python}) failed: {shortened(lines[-1], 300)}; {REMEDY}")
        reply = json.loads(files[1].read_text())
    if "refused" in reply:
        raise OrbitileError(reply["refused"])
    return reply


def _environment() -> dict[str, str]:
    """Without what makes another Python look for our packages, and without functions that a conda user added."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CONDA_PREFIX"))}
