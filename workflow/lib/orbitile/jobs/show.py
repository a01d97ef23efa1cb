"""What the terminal shows of a run: its status, its failures, its stale files."""

import os
import sys
import webbrowser
from pathlib import Path

import pandas as pd

from orbitile.base.errors import OrbitileError, reason_of
from orbitile.jobs.call import read_call
from orbitile.jobs.failures import SCHEMA, read_failures, rerun_command, rerun_hint, run_chain
from orbitile.jobs.stale import clear_stale, stale_files
from orbitile.jobs.status import status_text
from orbitile.pipeline import CHAIN_RESULTS, RULES
from orbitile.tables.parquet import write_table
from orbitile.tables.plan import refused_plan


def show_status(results: Path) -> None:
    """Print how far a run is."""
    print(status_text(_run_folder(results)))


def show_failures(results: Path) -> None:
    """Print what failed, the logs and the command that runs it again; write it all to failures.parquet."""
    if not refused_plan(results / "plan.parquet").is_file():
        _run_folder(results)
    table = read_failures(results)
    print(failures_text(table, results))
    try:
        write_table(table, SCHEMA, results / "failures.parquet")
    except OSError as error:  # a full disk is no reason not to say what failed
        print(f"Tracebacks cannot be written: {reason_of(error)}")


def failures_text(table: pd.DataFrame, results: Path) -> str:
    """A page about what failed (see orbitile.jobs.failures.SCHEMA), a paragraph per job."""
    if table.empty:
        return f"{results}: nothing failed"
    result_noun = CHAIN_RESULTS[run_chain(results)].noun
    paragraphs = [_paragraph(rows, result_noun) for _, rows in table.groupby(["rule", "group"], sort=True)]
    return "\n".join(
        [
            *paragraphs,
            f"Tracebacks: {results / 'failures.parquet'}. {rerun_hint(results)}",
            f"  {rerun_command(table, results)}",
        ]
    )


def _paragraph(rows: pd.DataFrame, result_noun: str) -> str:
    """What failed in one job, and where its log is."""
    first = rows.iloc[0]
    exclusion = f" (left out of the {result_noun})" if rows["excluded"].any() else ""
    lines = [f"{first['rule']} {first['group']}".rstrip() + exclusion]
    for scene, detail, reason in zip(rows["scene"], rows["detail"], rows["reason"], strict=True):
        piece = ", ".join(part for part in (scene and f"scene {scene}", detail) if part)
        lines.append(f"  {piece + ': ' if piece else ''}{reason}")
    return "\n".join([*lines, f"  log: {first['log']}", ""])


def open_results(results: Path) -> None:
    """Open a run's report in a browser where there is a screen, and print its path and those of its results.

    OrbitileError, with the command that writes it, where there is no report.
    """
    report = _run_folder(results) / (RULES["report"].target or "")
    if not report.is_file():
        command = read_call(results).command("--", "report")
        raise OrbitileError(f"{report}: is not there yet; write it: {command}")
    result = results / Path(CHAIN_RESULTS[run_chain(results)].manifest).parent
    print(report.resolve(), *([result.resolve()] if result.is_dir() else []), sep="\n")
    if sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        webbrowser.open(report.resolve().as_uri())


def show_stale(results: Path, remove: bool) -> None:
    """Print the stale files and their sizes; with `remove`, remove them."""
    sizes = {path: path.lstat().st_size for path in stale_files(_run_folder(results))}
    if remove:
        clear_stale(results)
    for path, size in sizes.items():
        print(f"{size / 1e6:10.2f} MB  {path}")
    print(f"{len(sizes)} stale files, {sum(sizes.values()) / 1e6:.1f} MB" + (", removed" if remove else ""))


def _run_folder(results: Path) -> Path:
    """A run's folder as it is; OrbitileError where it is none."""
    if not (results / "plan.parquet").is_file():
        raise OrbitileError(f"{results}: is not the folder of a run (no plan.parquet); give results/<run>")
    return results
