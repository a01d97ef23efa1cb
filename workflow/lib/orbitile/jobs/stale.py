"""Files in a run's folder that nothing uses any more: pieces of earlier settings, tables of former groups."""

from collections.abc import Iterator
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.base.seals import seal_path
from orbitile.jobs.lock import holder_is_gone, lock_holder
from orbitile.jobs.paths import JobPaths
from orbitile.jobs.pieces import table_pieces
from orbitile.pipeline import CHAINS, RULES, TABLE_FOLDERS, WORK_FOLDERS
from orbitile.tables.plan import Plan, read_plan

RASTER_FILES = ("{}.tif", "{}.vrt", "{}.tif.aux.xml", "sources-{}.tif", "seams-{}.parquet")
"""Files beside the description of a scene's raster: the raster, copied or linked to its image, the names of its values,
of a mosaic its sources and seams."""

PIXEL_TABLES = {TABLE_FOLDERS[rule] for rule in ("georeference", "downsample")}


def stale_files(results: Path) -> list[Path]:
    """Files that no current table is made of, sorted.

    Where a group's table does not exist (yet), the pieces of its scenes are kept: an
    unfinished job may continue from them.
    """
    plan = read_plan(results / "plan.parquet")
    pieces = [path for folder in set(WORK_FOLDERS.values()) for path in _unused_pieces(results, folder, plan)]
    return sorted({*pieces, *_temporary_files(results), *_files_of_former_groups(results, plan)})


def missing_tables(results: Path, plan: Plan) -> list[Path]:
    """Tables of groups that are not there although later ones of their chain are: the latter are of earlier settings.

    A job that fails, or is killed, when it is run again, leaves such a gap. Tables of rasters that were deleted for
    room, with the rasters, are none.
    """
    paths = [[JobPaths(results, rule, group).table for rule in CHAINS[plan.chain]] for group in plan.groups]
    present = [[path.is_file() for path in tables] for tables in paths]
    missing = [
        path
        for tables, flags in zip(paths, present, strict=True)
        for number, path in enumerate(tables)
        if not flags[number] and any(flags[number:])
    ]
    has_rasters = (results / WORK_FOLDERS["georeference"]).is_dir()
    return [path for path in missing if has_rasters or path.parent.name not in PIXEL_TABLES]


def clear_stale(results: Path) -> list[Path]:
    """Remove the stale files and return their paths; OrbitileError while jobs run."""
    for lock in (results / "jobs").glob("**/*.lock"):
        holder = lock_holder(lock)
        if holder is not None and not holder_is_gone(holder, lock):
            raise OrbitileError(f"{results}: {holder} works on this run; clear stale files when nothing runs")
    paths = stale_files(results)
    for path in paths:
        path.unlink(missing_ok=True)
    return paths


def _unused_pieces(results: Path, folder: str, plan: Plan) -> Iterator[Path]:
    """Pieces in a work folder that no table names, of scenes all of whose tables exist."""
    stages = [stage for stage, work_folder in WORK_FOLDERS.items() if work_folder == folder]
    unfinished = {scene for stage in stages for scene in _unfinished_scenes(results, plan, stage)}
    used = {piece for stage in stages for piece in _used_pieces(results, plan, stage)}
    for path in (results / folder).glob("*/*"):
        if (path.parent.name, path.name) not in used and path.parent.name not in unfinished:
            yield path


def _used_pieces(results: Path, plan: Plan, stage: str) -> set[tuple[str, str]]:
    """Scene and file name of all pieces that a stage's tables are made of, and of files beside rasters' descriptions.

    Tables hold paths from the folder that the workflow ran in, which may be another than the current one.
    """
    tables = [JobPaths(results, stage, group).table for group in plan.groups]
    pieces = [Path(piece) for table in tables if table.is_file() for piece in table_pieces(table)]
    descriptions = [path for path in pieces if path.suffix == ".json"]
    rasters = [path.with_name(name.format(path.stem)) for path in descriptions for name in RASTER_FILES]
    return {(path.parent.name, path.name) for path in pieces + rasters + [seal_path(path) for path in pieces]}


def _unfinished_scenes(results: Path, plan: Plan, stage: str) -> set[str]:
    groups = {group for group in plan.groups if not JobPaths(results, stage, group).table.is_file()}
    return {scene for scene, group in plan.group_of_scene.items() if group in groups}


def _temporary_files(results: Path) -> Iterator[Path]:
    """Temporary files of jobs that were killed, and those in temporary folders."""
    hidden = list(results.rglob(".*"))
    in_folders = (path for folder in hidden if folder.is_dir() for path in folder.rglob("*"))
    return (path for path in (*hidden, *in_folders) if path.is_file())


def _files_of_former_groups(results: Path, plan: Plan) -> list[Path]:
    """Tables, lists, logs, records, failures and benchmarks of groups that the plan does not have any more."""
    groups = set(plan.groups)
    targets = {rule.name: rule.target for rule in RULES.values() if rule.target and "{}" in rule.target}
    kinds = ("logs", "jobs", "failures", "benchmarks")
    folders = [results / folder for folder in TABLE_FOLDERS.values()]
    folders += [results / kind / rule for kind in kinds for rule in (*TABLE_FOLDERS, *targets)]
    files = [path for folder in folders for path in folder.glob("*") if path.is_file()]
    files += [path for target in targets.values() for path in results.glob(target.format("*"))]
    return [path for path in files if not _belongs_to(path.name, groups)]


def _belongs_to(name: str, groups: set[str]) -> bool:
    """Tell whether a file's name is that of a group and a suffix; names of groups may hold dots."""
    parts = name.split(".")
    return name.startswith(".") or any(".".join(parts[:n]) in groups for n in range(1, len(parts)))
