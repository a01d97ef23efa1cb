"""A run that is killed again and again ends with the catalogue of an undisturbed one."""

import os
import random
import signal
import time

from projects import Project, make_project

KILLS = 5


def kill_after(project: Project, seconds: float) -> None:
    """Start a run and kill it with all its jobs, as a power cut would."""
    running = project.start("all")
    time.sleep(seconds)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def test_killed_runs_end_in_the_same_catalogue(tmp_path):
    calm, disturbed = make_project(tmp_path / "calm"), make_project(tmp_path / "disturbed")
    assert calm.run("all").returncode == 0
    moments = random.Random(0)
    for _ in range(KILLS):
        kill_after(disturbed, moments.uniform(4, 15))
    done = disturbed.run("all")
    assert done.returncode == 0, done.stderr
    results = [one.result("catalogue/craters.json").read_text() for one in (calm, disturbed)]
    assert results[0] == results[1]
