"""Runs of the workflow on the test cluster, through the profile that users take."""

from dataclasses import replace

from projects import Project
from slurm import Cluster

IMPATIENT = (
    "--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2", "--latency-wait", "10",
)  # fmt: skip
"""A small host need not be asked as seldom as a large cluster."""
SMALL = ("--set-threads", "infer=2", "--retries", "0")
"""As many threads as the host has cores; a test says itself when something is tried again."""


def on(cluster: Cluster, project: Project) -> Project:
    """A project whose jobs run on the cluster."""
    return replace(project, profile=("slurm", *IMPATIENT, *SMALL), environment=cluster.environment())
