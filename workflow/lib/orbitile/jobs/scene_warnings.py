"""What is doubtful about the scenes of a run, although nothing failed: from the tables that hold it."""

import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from orbitile.base.files import atomic
from orbitile.jobs.paths import JobPaths
from orbitile.tables.parquet import explained_damage
from orbitile.tables.plan import Plan, read_plan

READERS = 8
DOUBTS, DOUBTED_SCENES = 100, 20
"""Most doubts in the metadata of a result, and most scenes that each of them names."""
COLUMN = "warnings"
"""A column of lists of texts, in the plan and in the tables of georeferenced scenes."""


class SceneWarning(NamedTuple):
    """A doubt about a scene in one line, and the stage that had it."""

    scene: str
    stage: str
    text: str


def read_warnings(results: Path, plan: Plan) -> list[SceneWarning]:
    """All warnings of a run so far, by scene and stage, each once."""
    tables = [("plan", results / "plan.parquet")]
    tables += [("georeference", JobPaths(results, "georeference", group).table) for group in plan.groups]
    with ThreadPoolExecutor(READERS) as pool:
        lists = pool.map(lambda table: list(_table_warnings(*table)), tables)
        return sorted({warning for warnings in lists for warning in warnings})


def read_doubts(plan_path: str | Path) -> dict[str, list[str]]:
    """What is doubtful about a run's scenes, for the metadata of its result: scenes, sorted, by what is said of them.

    Of very many scenes with one doubt the first DOUBTED_SCENES are named.
    """
    scenes: dict[str, set[str]] = {}
    for warning in read_warnings(Path(plan_path).parent, read_plan(Path(plan_path))):
        scenes.setdefault(warning.text, set()).add(warning.scene)
    return {text: _first(sorted(names)) for text, names in sorted(scenes.items())[:DOUBTS]}


def _first(names: list[str]) -> list[str]:
    more = len(names) - DOUBTED_SCENES
    return [*names[:DOUBTED_SCENES], f"and {more:,} more"] if more > 0 else names


def write_warnings(warnings: list[SceneWarning], path: Path) -> None:
    """Write warnings as CSV; where there are none, remove the file."""
    if not warnings:
        path.unlink(missing_ok=True)
        return
    with atomic(path) as temporary, open(temporary, "w", newline="") as file:
        csv.writer(file).writerows([SceneWarning._fields, *warnings])


def _table_warnings(stage: str, path: Path) -> Iterator[SceneWarning]:
    """The warnings of a table; none of one that is not there yet, or of an earlier version without the column."""
    if not path.is_file():
        return
    with explained_damage(path), pq.ParquetFile(path) as file:
        if COLUMN not in file.schema_arrow.names:
            return
        columns = file.read(columns=["scene", COLUMN], use_threads=False).to_pydict()
    for scene, texts in zip(columns["scene"], columns[COLUMN], strict=True):
        yield from (SceneWarning(scene, stage, text) for text in texts or ())
