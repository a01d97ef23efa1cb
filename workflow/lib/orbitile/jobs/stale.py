"""What lies in a run's folder and serves nothing any more: pieces of old settings, groups that are no more."""

from collections.abc import Iterator
from pathlib import Path

from orbitile.errors import OrbitileError
from orbitile.jobs.lock import holder_of, is_gone
from orbitile.jobs.pieces import pieces_of
from orbitile.jobs.place import TABLES, WORK_FOLDERS, Place
from orbitile.tables.plan import Plan, read_plan

DESCRIBED = ("{}.tif", "sources-{}.tif", "seams-{}.parquet")
"""What lies beside the description of a scene's raster: the raster, and of a mosaic its layers and lines."""


def stale(results: Path) -> list[Path]:
    """Files that no current table is made of, sorted.

    Where a group's table is not there (yet), the pieces of its scenes are left alone: an
    unfinished job may go on from them.
    """
    plan = read_plan(results / "plan.parquet")
    pieces = [path for folder in set(WORK_FOLDERS.values()) for path in _unused(results, folder, plan)]
    return sorted({*pieces, *_leftovers(results), *_tables_of_old_groups(results, plan)})


def clear(results: Path) -> list[Path]:
    """Remove what is stale; OrbitileError while jobs run."""
    for lock in (results / "jobs").glob("**/*.lock"):
        holder = holder_of(lock)
        if holder is not None and not is_gone(holder, lock):
            raise OrbitileError(f"{results}: {holder} is at work; clear up when nothing runs")
    removed = stale(results)
    for path in removed:
        path.unlink(missing_ok=True)
    return removed


def _unused(results: Path, folder: str, plan: Plan) -> Iterator[Path]:
    """Pieces in a work folder that no table names, of scenes whose tables are all there."""
    stages = [stage for stage, place in WORK_FOLDERS.items() if place == folder]
    unfinished = {scene for stage in stages for scene in _unfinished_scenes(results, plan, stage)}
    used = {piece for stage in stages for piece in _used(results, plan, stage)}
    for path in (results / folder).glob("*/*"):
        if (path.parent.name, path.name) not in used and path.parent.name not in unfinished:
            yield path


def _used(results: Path, plan: Plan, stage: str) -> set[tuple[str, str]]:
    """Scene and name of all pieces that a stage's tables are made of, and of what lies beside descriptions of rasters.

    Tables name pieces as the workflow saw them, from the folder it ran in; we may look from another.
    """
    tables = [Place(results, stage, group).table for group in plan.groups]
    used = [Path(piece) for table in tables if table.is_file() for piece in pieces_of(table)]
    rasters = [path.with_name(name.format(path.stem)) for path in used if path.suffix == ".json" for name in DESCRIBED]
    return {(path.parent.name, path.name) for path in used + rasters}


def _unfinished_scenes(results: Path, plan: Plan, stage: str) -> set[str]:
    groups = {group for group in plan.groups if not Place(results, stage, group).table.is_file()}
    return {scene for scene, group in plan.group_of_scene.items() if group in groups}


def _leftovers(results: Path) -> Iterator[Path]:
    """Temporary files of jobs that were killed."""
    return (path for path in results.rglob(".*") if path.is_file())


def _tables_of_old_groups(results: Path, plan: Plan) -> list[Path]:
    """What stages, logs and records hold of groups that the plan does not have any more."""
    known = set(plan.groups)
    folders = [results / folder for folder in TABLES.values()]
    folders += [results / kind / rule for kind in ("logs", "jobs", "failures", "benchmarks") for rule in TABLES]
    files = [path for folder in folders for path in folder.glob("*") if path.is_file()]
    return [path for path in files if not _belongs(path.name, known)]


def _belongs(name: str, groups: set[str]) -> bool:
    """Tell whether a file is named by a group and a suffix; names of groups may hold dots."""
    parts = name.split(".")
    return name.startswith(".") or any(".".join(parts[:n]) in groups for n in range(1, len(parts)))
