"""Which jobs a process works on now, whatever their records say."""

from collections.abc import Iterable

from orbitile.jobs.lock import holder_is_gone, live_slurm_jobs, lock_holder
from orbitile.jobs.paths import JobPaths


def running_jobs(jobs: Iterable[JobPaths]) -> set[JobPaths]:
    """The jobs whose lock is held by a process that is alive, in a Slurm job (if any) that has not ended.

    Where Slurm does not answer, its jobs count as alive.
    """
    holders = {job: lock_holder(job.lock) for job in jobs}
    alive = {job: holder for job, holder in holders.items() if holder and not holder_is_gone(holder, job.lock)}
    slurm_jobs = {holder.slurm_job for holder in alive.values() if holder.slurm_job is not None}
    queued = live_slurm_jobs(sorted(slurm_jobs)) if slurm_jobs else None
    live = slurm_jobs if queued is None else queued
    return {job for job, holder in alive.items() if holder.slurm_job is None or holder.slurm_job in live}
