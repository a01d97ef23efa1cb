"""What a run lacks because it failed, where that is allowed."""

import logging
from pathlib import Path

from orbitile.errors import OrbitileError
from orbitile.jobs.pieces import exclusions
from orbitile.jobs.place import BEFORE, CHAINS, WORK_FOLDERS, Place
from orbitile.tables.plan import read_plan

log = logging.getLogger(__name__)


def left_out(plan: str, allowed: bool) -> list[dict[str, str]]:
    """What a run's result lacks because it failed, as dicts of scene, detail and reason.

    The tables of the stages that work in pieces say so. OrbitileError where exclusions are not allowed
    (any more), with the way to have them done again.
    """
    path = Path(plan)
    planned = read_plan(path)
    refused = [dict(scene=one.scene, detail="", reason=one.reason) for one in planned.unplanned]
    stages = [stage for stage in CHAINS[planned.chain] if stage in WORK_FOLDERS]
    tables = [Place(path.parent, stage, group).table for stage in stages for group in planned.groups]
    before = [Place(path.parent, stage, group).table for stage in BEFORE for group in planned.groups]
    tables += [table for table in before if table.is_file()]
    found = sorted(refused + exclusions(tables), key=lambda one: (one["scene"], one["detail"]))
    if found and not allowed:
        raise OrbitileError(
            f"{len(found)} pieces were left out in an earlier call with allow_failures=true, the first of "
            f"scene {found[0]['scene']} ({found[0]['reason']}); the target `failures` tells how to do them again"
        )
    for one in found:
        log.warning("LEFT OUT: scene %s %s: %s", one["scene"], one["detail"], one["reason"])
    return found
