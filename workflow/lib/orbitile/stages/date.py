"""date: the counts of areas as files of other programs, and their ages by Craterstats where it runs."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from orbitile.base.files import write_json, write_text
from orbitile.base.manifests import listed_files, read_manifest
from orbitile.base.provenance import provenance
from orbitile.counting.ages import COLUMNS, DatedArea, DatingChoice, age_rows, dating_request, stated_age
from orbitile.counting.count_files import read_counts, read_draws, read_reference_counts
from orbitile.counting.craterstats_program import REMEDY, ask_craterstats, find_program
from orbitile.counting.dating_text import dating_text
from orbitile.counting.exchange_files import write_exchange_files
from orbitile.space.bodies import Body
from orbitile.tables.csv_text import csv_text
from orbitile.tables.datasets import published_folder

log = logging.getLogger(__name__)

PLOT, TABLE, METHODS, REFERENCE_FOLDER = "ages", "ages.csv", "methods.txt", "reference"


def date(counts: str, choice: DatingChoice, program: Path, body: Body, manifest: str) -> None:
    """Write the files of each area of counts.json, its ages and plots, and ages.json last.

    Where Craterstats cannot run, the manifest says why and how to get it, and all but the ages is written.
    OrbitileError for a chronology that Craterstats does not have.
    """
    folder = Path(manifest).parent
    areas = _dated_areas(counts, folder)
    files = {name: _write_files(area, folder, name, body) for name, area in areas.items()}
    python, statement = _runnable(choice, program, body)
    for stale in (TABLE, METHODS):
        (folder / stale).unlink(missing_ok=True)
    reply: dict[str, Any] = {}
    if python is None:
        log.warning("no ages: %s", statement)
    else:
        reply = ask_craterstats(python, dating_request(list(areas.values()), choice, body))
    dated = reply.get("areas", [dict(ages=[], plots=[]) for _ in areas])
    entries = [
        _entry(name, area, choice, answer, files[name])
        for (name, area), answer in zip(areas.items(), dated, strict=True)
    ]
    names = [file for entry in entries for file in entry["files"]]
    if python is not None:
        write_text(folder / TABLE, _table_text(entries))
        write_text(folder / METHODS, dating_text(reply, choice.fits, entries))
        names += [TABLE, METHODS]
    about = {key: reply.get(key) for key in ("chronology_system", "functions")}
    write_json(manifest, dict(
        body=body.name, craterstats_version=reply.get("version"), statement=statement or None, **about, areas=entries,
        files=listed_files(folder, names), **provenance(),
    ))  # fmt: skip
    _log_ages(entries)


def _dated_areas(counts: str, folder: Path) -> dict[str, DatedArea]:
    """The areas of counts.json, and their craters in a table where they are counted, too, by the names of folders."""
    about, draws, references = read_manifest(Path(counts)), read_draws(counts), read_reference_counts(counts)
    areas = {}
    for entry, count in zip(about["areas"], read_counts(counts), strict=True):
        name, counted_km = entry["folder"], (entry["from_km"], entry["to_km"])
        areas[name] = DatedArea(count, draws.get(count.name, ()), counted_km, _plot_stem(folder, name))
        if count.name in references:
            table = Path(about["settings"]["reference"]).name
            reference = replace(references[count.name], name=f"{count.name} ({table})")
            name = f"{name}/{REFERENCE_FOLDER}"
            areas[name] = DatedArea(reference, (), counted_km, _plot_stem(folder, name))
    return areas


def _plot_stem(folder: Path, name: str) -> str:
    return str((folder / name / PLOT).absolute())


def _write_files(area: DatedArea, results: Path, name: str, body: Body) -> list[str]:
    """The files of an area for other programs, in place of those of an earlier count: names below the results."""
    with published_folder(results / name) as temporary:
        write_exchange_files(area.count, body, str(temporary / Path(name).name))
        return sorted(f"{name}/{path.name}" for path in temporary.iterdir())


def _runnable(choice: DatingChoice, program: Path, body: Body) -> tuple[Path | None, str]:
    """The Python of Craterstats; or None, and a line that says what is missing."""
    if choice.system(body) is None:
        return None, f"Craterstats has no chronology system for {body.name}; name one of your own in its functions"
    python, reason = find_program(program)
    return (python, "") if python else (None, f"Craterstats does not run here: {reason}; {REMEDY}")


def _entry(
    name: str, area: DatedArea, choice: DatingChoice, answer: Mapping[str, Any], files: Sequence[str]
) -> dict[str, Any]:
    """What ages.json says of an area."""
    plots = [f"{name}/{plot}" for plot in answer["plots"]]
    return dict(
        name=area.count.name, folder=name, craters=len(area.count), searched_km2=area.count.searched_km2,
        range_km=area.range_km(choice), ages=answer["ages"], plots=plots, files=[*files, *plots],
    )  # fmt: skip


def _table_text(entries: Sequence[Mapping[str, Any]]) -> str:
    rows = [row for entry in entries for row in age_rows(entry["name"], entry["ages"])]
    cells = [{key: f"{v:.6g}" if isinstance(v, float) else v for key, v in row.items()} for row in rows]
    return csv_text(COLUMNS, cells)


def _log_ages(entries: Sequence[Mapping[str, Any]]) -> None:
    for entry in entries:
        for age in entry["ages"]:
            result = stated_age(age) if "age_ga" in age else f"no age: {age['reason']}"
            log.info("area %s, %s: %s", entry["name"], age["fit"], result)
