"""Runs of the workflow on the test cluster, through the profile that users take."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from projects import Project
from slurm import Cluster

IMPATIENT = (
    "--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2", "--latency-wait", "10",
)  # fmt: skip
"""A small host need not be asked as seldom as a large cluster."""
SMALL = ("--set-threads", "infer=2", "--retries", "0")
"""As many threads as the host has cores; a test says itself when something is tried again."""

RASTERS = 9
"""Three scenes at three scales: so many fragments `infer` leaves where nothing interrupts it."""
CATALOGUE = "results/demo/catalogue/craters.json"


def on(cluster: Cluster, project: Project) -> Project:
    """A project whose jobs run on the cluster."""
    return replace(project, profile=("slurm", *IMPATIENT, *SMALL), environment=cluster.environment())


def made(project: Project, target: str) -> Project:
    """A project, and its target made in one call."""
    done = project.run(target)
    assert done.returncode == 0, done.stderr
    return project


def only_tiled(project: Project, *later: str) -> Project:
    """A project with nothing done but the tiles: what `infer` made is gone, and what was made `later` than that."""
    for folder in ("work/infer", "predictions", *later, "jobs", "logs"):
        shutil.rmtree(project.result(folder))
    return project


def pieces(project: Project, stage: str = "work/infer") -> dict[str, int]:
    """The finished pieces of a stage without their seals, and which file on the disk each is."""
    files = project.result(stage).glob("*/[!.]*")
    return {path.name: path.stat().st_ino for path in files if path.suffix != ".seal"}


def infer_job(cluster: Cluster) -> str:
    """The Slurm job that infers now."""
    running = [job for job in cluster.jobs() if job.comment.startswith("rule_infer") and job.state == "RUNNING"]
    return running[0].id


@dataclass(frozen=True)
class Inference:
    """A run in the midst of `infer`: the process that drives it, the Slurm job, and the script's process.

    The script is held, so that nothing hangs on how fast this machine is. Signals wait until it goes on.
    """

    driver: subprocess.Popen
    job: str
    script: int

    def go_on(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.script, signal.SIGCONT)


def script_of(cluster: Cluster, job: str) -> int:
    """The process of a job's script, by the host's numbering."""
    found = [pid for pid, line in cluster.processes(cluster.job(job).node).items() if line.endswith(".infer.py")]
    return found[0]


@contextmanager
def inferring(
    project: Project, cluster: Cluster, *options: str, target: str = CATALOGUE, some: range = range(2, RASTERS)
) -> Iterator[Inference]:
    """Run until `some` pieces of `infer` are made, and hold it there."""
    driver = project.start(target, options=options)
    job = None
    try:
        cluster.wait_until(lambda: len(pieces(project)) >= some.start, 300)
        job = infer_job(cluster)
        script = script_of(cluster, job)
        os.kill(script, signal.SIGSTOP)
        assert len(pieces(project)) in some
        yield Inference(driver, job, script)
    finally:
        if driver.poll() is None:
            driver.kill()
            driver.wait()
        if job:
            cluster.cancel(job)
