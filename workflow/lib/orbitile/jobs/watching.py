"""What people ask a run from the terminal: how far it is, what failed, what is stale."""

from pathlib import Path

import pandas as pd

from orbitile.errors import OrbitileError
from orbitile.jobs.failures import SCHEMA, read_failures, rerun_command
from orbitile.jobs.place import LAST
from orbitile.jobs.stale import clear, stale
from orbitile.jobs.status import status
from orbitile.tables.parquet import write_table
from orbitile.tables.plan import read_plan


def show_status(results: Path) -> None:
    """Print how far a run is."""
    print(status(_known(results)))


def show_failures(results: Path) -> None:
    """Print what failed, the logs and the command that does it again; keep it all in failures.parquet."""
    table = read_failures(_known(results))
    write_table(table, SCHEMA, results / "failures.parquet")
    print(failures_text(table, results))


def failures_text(table: pd.DataFrame, results: Path) -> str:
    """A page about what failed (see orbitile.jobs.failures.SCHEMA), a paragraph per job."""
    if table.empty:
        return f"{results}: nothing failed"
    word = LAST[read_plan(results / "plan.parquet").chain].word
    paragraphs = [_paragraph(rows, word) for _, rows in table.groupby(["rule", "group"], sort=True)]
    return "\n".join(
        [
            *paragraphs,
            f"Tracebacks: {results / 'failures.parquet'}. To run these again, and only what they need:",
            f"  snakemake --profile <yours> {rerun_command(table, results)}",
        ]
    )


def _paragraph(rows: pd.DataFrame, word: str) -> str:
    """What failed in one job, and where its log is."""
    first = rows.iloc[0]
    left_out = f" (left out of the {word})" if rows["excluded"].any() else ""
    lines = [f"{first['rule']} {first['group']}{left_out}"]
    for row in rows.itertuples():
        about = ", ".join(part for part in (row.scene and f"scene {row.scene}", row.detail) if part)
        lines.append(f"  {about + ': ' if about else ''}{row.reason}")
    return "\n".join([*lines, f"  log: {first['log']}", ""])


def show_stale(results: Path, remove: bool) -> None:
    """Print what is stale and how large it is; remove it where told to."""
    sizes = {path: path.lstat().st_size for path in stale(_known(results))}
    if remove:
        clear(results)
    for path, size in sizes.items():
        print(f"{size / 1e6:10.2f} MB  {path}")
    print(f"{len(sizes)} stale files, {sum(sizes.values()) / 1e6:.1f} MB" + (", removed" if remove else ""))


def _known(results: Path) -> Path:
    if not (results / "plan.parquet").is_file():
        raise OrbitileError(f"{results}: no run there (no plan.parquet); give the folder results/<run>")
    return results
