"""What the end of a run says: what it came to, and, where jobs failed, why and how to run them again."""

from contextlib import suppress
from pathlib import Path

import pandas as pd

from orbitile.base.errors import OrbitileError, first_line, reason_of
from orbitile.base.messages import format_count, shorten_names
from orbitile.jobs.failures import read_failures, rerun_command, rerun_hint
from orbitile.jobs.scene_warnings import write_warnings
from orbitile.jobs.summary import read_summary, summary_lines

FAILURES_SHOWN = 3


def end_text(results: Path) -> str:
    """The end of a run in a few lines, its warnings written to warnings.csv; never an error."""
    if not (results / "plan.parquet").is_file():
        return f"{results}: the run's folder, or its plan, was removed while it ran; run it again"
    try:
        summary, failures = read_summary(results), read_failures(results)
        with suppress(OSError):
            write_warnings(list(summary.warnings), results / "warnings.csv")
        return "\n".join([*summary_lines(summary, results), *failure_lines(failures, results)])
    except (OrbitileError, OSError) as error:
        return f"{results}: what the run came to cannot be told: {reason_of(error)}"


def failure_lines(failures: pd.DataFrame, results: Path) -> list[str]:
    """What failed (see orbitile.jobs.failures.SCHEMA) in a few lines; nothing where nothing did."""
    if failures.empty:
        return []
    scenes = sorted({scene for scene in failures["scene"] if scene})
    names = f" in scenes {shorten_names(scenes)}" if scenes else ""
    excluded = int(failures["excluded"].sum())
    left_out = f", {excluded:,} of them left out of the result" if excluded else ""
    shown = failures.head(FAILURES_SHOWN).to_dict("records")
    return [
        f"  {format_count(len(failures), 'failure')}{names}{left_out}; `make failures RUN={results.name}` "
        "shows all",
        *(f"    {row['rule']} {row['scene'] or row['group']}: {first_line(row['reason'])} (log: {row['log']})"
          for row in shown),
        f"  {rerun_hint(results)}", f"    {rerun_command(failures, results)}",
    ]  # fmt: skip
