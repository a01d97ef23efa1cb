"""The scenes and parts of scenes that a run leaves out because they failed, where that is allowed."""

import logging
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.jobs.paths import JobPaths
from orbitile.jobs.pieces import read_exclusions
from orbitile.pipeline import CHAINS, OPTIONAL_RULES, WORK_FOLDERS
from orbitile.tables.plan import read_plan

log = logging.getLogger(__name__)


def read_run_exclusions(plan: str, allowed: bool) -> list[dict[str, str]]:
    """What a run leaves out because it failed, as dicts of scene, detail and reason, sorted.

    `plan` is the plan's path. Scenes that could not be planned come from it, all others from the tables of the stages
    that work in pieces. OrbitileError where exclusions are not allowed (any more).
    """
    results, planned = Path(plan).parent, read_plan(Path(plan))
    unplanned = [dict(scene=scene.scene, detail="", reason=scene.reason) for scene in planned.unplanned]
    stages = [stage for stage in CHAINS[planned.chain] if stage in WORK_FOLDERS]
    tables = [JobPaths(results, stage, group).table for stage in stages for group in planned.groups]
    optional_tables = [JobPaths(results, stage, group).table for stage in OPTIONAL_RULES for group in planned.groups]
    tables += [table for table in optional_tables if table.is_file()]
    excluded = sorted(unplanned + read_exclusions(tables), key=lambda piece: (piece["scene"], piece["detail"]))
    if excluded and not allowed:
        first = excluded[0]
        raise OrbitileError(
            f"{len(excluded)} pieces were left out in an earlier call with allow_failures=true, the first of "
            f"scene {first['scene']} ({first['reason']}); the target `failures` tells how to run them again"
        )
    for piece in excluded:
        log.warning("LEFT OUT: scene %s %s: %s", piece["scene"], piece["detail"], piece["reason"])
    return excluded
