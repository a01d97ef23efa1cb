"""A run that is killed again and again ends with the catalogue, or the map, of an undisturbed one."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from projects import Project, make_fracture_project, make_project


def kill_after(project: Project, target: str, seconds: float) -> None:
    """Start a run and kill it with all its jobs, as a power cut would."""
    running = project.start(target)
    time.sleep(seconds)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()


@pytest.mark.parametrize(
    ("make", "proof", "kills"),
    [(make_project, "catalogue/craters.json", 5), (make_fracture_project, "map/polygons.json", 3)],
)
def test_killed_runs_end_in_the_same_catalogue(tmp_path: Path, make: Callable[[Path], Project], proof: str, kills: int):
    calm, disturbed = make(tmp_path / "calm"), make(tmp_path / "disturbed")
    target = f"results/small/{proof}"
    assert calm.run(target).returncode == 0
    moments = random.Random(0)
    for _ in range(kills):
        kill_after(disturbed, target, moments.uniform(4, 15))
    done = disturbed.run(target)
    assert done.returncode == 0, done.stderr
    results = [one.result(proof).read_text() for one in (calm, disturbed)]
    assert results[0] == results[1]
