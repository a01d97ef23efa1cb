"""What a run came to, in a few lines for its end: scenes planned, with and without a result, failed and doubtful."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from orbitile.base.errors import first_line
from orbitile.base.files import is_older
from orbitile.base.manifests import read_manifest
from orbitile.base.messages import format_count, shorten_names
from orbitile.jobs.scene_warnings import SceneWarning, read_warnings
from orbitile.pipeline import CHAIN_RESULTS, DETECTION, GROUP_RESULTS, SEGMENTATION
from orbitile.tables.parquet import explained_damage
from orbitile.tables.plan import Plan, read_plan

WARNINGS_SHOWN = 3
OBJECTS = {DETECTION: "detection", SEGMENTATION: "polygon"}
"""What one thing is called that a chain finds."""
LIKELY_REASONS = {
    DETECTION: "scales at which objects have other sizes in pixels than the network learnt (scales), a stretch that "
    "does not fit the pixels (stretch_percentiles, stretch_values), a threshold above all scores "
    "(suppression.score_threshold), weights that learnt another body or other images (body, model.weights)",
    SEGMENTATION: "a scale that the network did not learn (scales), a stretch that does not fit the pixels "
    "(stretch_percentiles, stretch_values), a threshold above all probabilities or filters that drop everything "
    "(mapping; map/summary.csv counts what was dropped), weights that learnt another body or other images (body, "
    "model.weights)",
}
"""Why nothing may be found, with the settings to look at."""


@dataclass(frozen=True)
class RunSummary:
    """What a run came to so far.

    `searched` are the scenes whose groups are done, `objects` counts what was found by scene; `rows` are those of the
    catalogue or map, by its manifest, or of all groups where there is none of them yet. `errors` is what a calibrated
    catalogue or map says of its own errors, else empty.
    """

    plan: Plan
    searched: frozenset[str]
    objects: Counter[str]
    rows: int
    warnings: Sequence[SceneWarning]
    errors: str = ""

    @property
    def empty(self) -> list[str]:
        """Scenes in which nothing was found, sorted."""
        return sorted(self.searched - set(self.objects))

    @property
    def alarm(self) -> str | None:
        """A loud word where nothing was found in the whole run, with likely reasons; None elsewhere."""
        if not self.searched or self.rows:
            return None
        place = f" in {format_count(len(self.searched), 'scene')}"
        if self.searched <= set(self.doubtful):
            return f"NOTHING WAS FOUND{place}. Likely: what the warnings say of each of them"
        return nothing_found_text(self.plan.chain, place)

    @property
    def doubtful(self) -> list[str]:
        """Scenes with a warning, sorted."""
        return sorted({warning.scene for warning in self.warnings})


def nothing_found_text(chain: str, place: str = "") -> str:
    """The loud word where a chain found nothing at all in a place (" in 3 scenes"), with likely reasons."""
    return f"NOTHING WAS FOUND{place}. Likely: {LIKELY_REASONS[chain]}"


def read_summary(results: Path, plan: Plan | None = None) -> RunSummary:
    """What a run came to so far, from its tables; by its plan, or by another."""
    plan = plan or read_plan(results / "plan.parquet")
    manifest = results / CHAIN_RESULTS[plan.chain].manifest
    paths = {group: results / GROUP_RESULTS[plan.chain].format(group) for group in plan.groups}
    done = {group: path for group, path in paths.items() if path.is_file()}
    searched = frozenset(scene for scene, group in plan.group_of_scene.items() if group in done)
    objects = count_by_scene(done.values())
    is_made = manifest.is_file() and not any(is_older(manifest, path) for path in done.values())
    stated: dict[str, Any] = read_manifest(manifest) if is_made else dict(rows=objects.total())
    errors = (stated.get("errors") or {}).get("text", "")
    return RunSummary(plan, searched, objects, stated["rows"], read_warnings(results, plan), errors)


def summary_lines(summary: RunSummary, results: Path) -> list[str]:
    """The summary, without what failed, as lines for the terminal; long lists are cut short."""
    planned, unplanned = len(summary.plan.names), [scene.scene for scene in summary.plan.unplanned]
    lines = [f"{results}: {format_count(planned, 'scene')} planned, {_objects_text(summary)}"]
    if unplanned:
        lines.append(f"  {format_count(len(unplanned), 'scene')} more cannot be planned: {shorten_names(unplanned)}")
    if summary.alarm:
        lines.append(f"  {summary.alarm}")
    elif summary.empty:
        lines.append(f"  nothing found in {format_count(len(summary.empty), 'scene')}: {shorten_names(summary.empty)}")
    if summary.errors:
        lines.append(f"  {summary.errors}")
    return [*lines, *_warning_lines(summary, results)]


def _objects_text(summary: RunSummary) -> str:
    if not summary.searched:
        return f"none ready for the {CHAIN_RESULTS[summary.plan.chain].noun} yet"
    searched = len(summary.searched)
    of_which = "" if searched == len(summary.plan.names) else f" of {searched:,} searched so far"
    scenes = format_count(searched - len(summary.empty), "scene")
    return f"{format_count(summary.rows, OBJECTS[summary.plan.chain])} in {scenes}{of_which}"


def _warning_lines(summary: RunSummary, results: Path) -> list[str]:
    if not summary.warnings:
        return []
    shown = summary.warnings[:WARNINGS_SHOWN]
    more = len(summary.warnings) - len(shown)
    return [
        f"  warnings about {format_count(len(summary.doubtful), 'scene')}:",
        *(f"    {warning.scene}: {first_line(warning.text)}" for warning in shown),
        *([f"    and {more:,} more: {results / 'warnings.csv'}"] if more else []),
    ]


def count_by_scene(tables: Iterable[Path]) -> Counter[str]:
    """The number of rows of each scene in tables; only one row group's column of scenes is in memory at a time.

    OrbitileError for a damaged table.
    """
    counts: Counter[str] = Counter()
    for path in tables:
        with explained_damage(path), pq.ParquetFile(path, read_dictionary=["scene"]) as file:
            for batch in file.iter_batches(columns=["scene"], use_threads=False):
                counts += _count_codes(batch["scene"])
    return counts


def _count_codes(scenes: pa.DictionaryArray) -> Counter[str]:
    numbers = np.bincount(scenes.indices.to_numpy(), minlength=len(scenes.dictionary))
    return Counter(dict(zip(scenes.dictionary.to_pylist(), numbers.tolist(), strict=True)))
