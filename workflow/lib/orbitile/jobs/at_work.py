"""Which jobs somebody works on now, whatever their records say."""

from collections.abc import Iterable

from orbitile.jobs.lock import holder_of, is_gone, slurm_jobs_alive
from orbitile.jobs.place import Place


def at_work(places: Iterable[Place]) -> set[Place]:
    """Those of some jobs whose lock is held by a process that lives, and by none that Slurm has ended."""
    holders = {place: holder_of(place.lock) for place in places}
    living = {place: who for place, who in holders.items() if who is not None and not is_gone(who, place.lock)}
    asked = {who.slurm_job for who in living.values() if who.slurm_job is not None}
    known = slurm_jobs_alive(sorted(asked)) if asked else None
    alive = asked if known is None else known
    return {place for place, who in living.items() if who.slurm_job is None or who.slurm_job in alive}
