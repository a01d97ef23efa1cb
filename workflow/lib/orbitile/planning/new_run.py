"""A new run: settings and scene table, written from what the headers of its images say, and checked as a run is."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import yaml

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_text
from orbitile.base.messages import format_count, shorten_names
from orbitile.base.names import is_plain_name
from orbitile.base.remote_files import is_remote
from orbitile.base.settings_text import read_settings_file
from orbitile.inference.models.zoo import ZOO, read_network, zoo_names
from orbitile.planning.image_survey import (
    ImageSurvey,
    NetworkFit,
    fit_network,
    fitting_network,
    rounded_up,
    survey_images,
)
from orbitile.planning.plan import current_plan
from orbitile.planning.run_costs import RunCosts, estimate_costs, measure_speed
from orbitile.settings import Settings, check_settings
from orbitile.space.bodies import Body, find_body
from orbitile.tables.csv_text import csv_text
from orbitile.tables.image_folders import images_of_folder
from orbitile.tables.plan import Plan, PlanRow, read_rows
from orbitile.tables.scenes import SceneEntry, read_scene_table
from orbitile.tables.stac_items import StacScene, holds_stac_items, read_stac_scenes

WARNINGS_SHOWN = 3
SCHEMA = Path("workflow/schemas/config.schema.json")
"""What editors check settings files by, from the folder of the project."""


class RunRequest(NamedTuple):
    """What a user says of a new run; None: found in the images, or none.

    `scenes` is a folder of images, a scene table, or STAC items, of which `asset` names the image; `model` a name of
    the zoo, `truth` a crater table. `gsd_m` is for images without a map: metres per pixel. `servers` may be asked for
    images. `bands` are those to use of images with several.
    """

    run: str
    scenes: Path
    body: str | None = None
    model: str | None = None
    truth: Path | None = None
    gsd_m: float | None = None
    asset: str | None = None
    servers: tuple[str, ...] = ()
    bands: tuple[int | str, ...] = ()


@dataclass(frozen=True)
class DraftTable:
    """A scene table to be written; its columns are those of StacScene, and its warnings in a line each."""

    scenes: Sequence[StacScene]
    warnings: Sequence[str] = ()

    def text(self, folder: Path) -> str:
        """The table as it may stand in a folder; paths in the working folder count from that folder."""
        filled = [name for name in StacScene._fields if any(getattr(scene, name) is not None for scene in self.scenes)]
        rows = [scene._replace(path=_image_path(scene.path, folder))._asdict() for scene in self.scenes]
        return csv_text(filled, rows)


@dataclass(frozen=True)
class NewRun:
    """What was written, what the headers say, and what it is going to cost; `warnings` are of the scenes' source."""

    settings_path: Path
    table_path: Path
    settings: Settings
    survey: ImageSurvey
    rows: Sequence[PlanRow]
    plan: Plan
    fit: NetworkFit
    costs: RunCosts
    warnings: Sequence[str] = ()


def make_new_run(request: RunRequest, folder: Path = Path("config"), zoo: Path = ZOO, is_timed: bool = True) -> NewRun:
    """Write folder/<run>.yaml, and folder/<run>-scenes.csv where the scenes are a folder of images, or STAC items.

    The settings are checked, and the run is planned, before anything is there. OrbitileError in a line for what a run
    would be refused for, and where either file or results of a run with this name exist.
    """
    settings_path, table_path = _free_paths(request, folder)
    table = _draft_table(request)
    with TemporaryDirectory(prefix="orbitile-") as scratch, _scenes_of(request, table, Path(scratch)) as scenes:
        entries = [SceneEntry(*row) for row in read_scene_table(scenes).itertuples(index=False, name=None)]
        survey = survey_images(entries, request.servers)
        body = find_body(request.body or _stated_body(entries) or survey.body_name())
        fit = _choose_network(request, survey, body, zoo)
        text = _editor_line(folder) + _settings_text(request, table_path, survey, body, fit)
        draft = Path(scratch) / settings_path.name
        draft.write_text(text)
        checked = _checked(draft, settings_path, scenes, zoo)
        plan_path = Path(scratch) / "plan.parquet"
        plan = current_plan(checked, plan_path)
        rows = read_rows(plan_path)
    speed = measure_speed(checked) if is_timed else None
    costs = estimate_costs(plan.size, len(plan.groups), checked, speed)
    if table is not None:
        write_text(table_path, table.text(folder))
    write_text(settings_path, text)
    warnings = table.warnings if table is not None else ()
    return NewRun(settings_path, table_path, checked, survey, rows, plan, fit, costs, warnings)


def _draft_table(request: RunRequest) -> DraftTable | None:
    """The scene table of a folder of images, or of STAC items; None where the scenes are a scene table."""
    if holds_stac_items(request.scenes, request.asset):
        items = read_stac_scenes(request.scenes, request.asset)
        return DraftTable(items.scenes, items.warnings)
    if request.asset is not None:
        raise OrbitileError(f"--asset: {request.scenes} holds no STAC items (.json); leave it out")
    if request.scenes.is_dir():
        images = images_of_folder(request.scenes)
        return DraftTable([StacScene(name, str(path), None, None) for name, path in images.items()])
    return None


@contextmanager
def _scenes_of(request: RunRequest, table: DraftTable | None, scratch: Path) -> Iterator[Path]:
    """The scenes as a run reads them: of STAC items their table, for which errors name the items."""
    if table is None or not holds_stac_items(request.scenes, request.asset):
        yield request.scenes
        return
    path = scratch / "scenes.csv"
    path.write_text(table.text(scratch))
    try:
        yield path
    except OrbitileError as error:
        raise OrbitileError(str(error).replace(str(path), str(request.scenes))) from error


def _free_paths(request: RunRequest, folder: Path) -> tuple[Path, Path]:
    """Where settings and scene table go; OrbitileError where something is there already."""
    if not is_plain_name(request.run):
        raise OrbitileError(
            f"run: {request.run!r} given; allowed are letters, digits, '_', '-' and '.', not at the start"
        )
    settings_path, made_table = folder / f"{request.run}.yaml", folder / f"{request.run}-scenes.csv"
    is_drafted = request.scenes.is_dir() or holds_stac_items(request.scenes)
    for path in (settings_path, *([made_table] if is_drafted else []), Path("results") / request.run):
        if path.exists():
            raise OrbitileError(f"{path}: is there already, and is not overwritten; choose another name for the run, "
                                "or remove it first")  # fmt: skip
    return settings_path, made_table if is_drafted else request.scenes


def _checked(draft: Path, settings_path: Path, scenes: Path, zoo: Path) -> Settings:
    """The settings as a run reads them, with the user's scenes in place of a table that is not written yet."""
    config = read_settings_file(draft) | dict(scenes=str(scenes))
    return check_settings(config, [settings_path], zoo)


def _stated_body(entries: Sequence[SceneEntry]) -> str | None:
    """The body that a scene table, or STAC items, name for all scenes; maps need not name theirs."""
    names = {entry.body for entry in entries}
    return names.pop() if len(names) == 1 else None


def _choose_network(request: RunRequest, survey: ImageSurvey, body: Body, zoo: Path) -> NetworkFit:
    gsd_m = _coarsest_m(request, survey)
    if request.model is not None:
        fit = fit_network(read_network(request.model, zoo), gsd_m)
    else:
        fit = fitting_network((read_network(name, zoo) for name in zoo_names(zoo)), body.name, gsd_m)
    return fit._replace(finest_m=gsd_m) if survey.is_plain else fit  # pixel coordinates know no other scale


def _coarsest_m(request: RunRequest, survey: ImageSurvey) -> float:
    """Metres per pixel of the coarsest image; OrbitileError where they say none, or only some of them do."""
    if not survey.unmapped:
        assert survey.gsd_range_m is not None
        if request.gsd_m is not None:
            raise OrbitileError("--gsd-m: the images' headers say how many metres their pixels have; leave it out")
        return survey.gsd_range_m[1]
    names = shorten_names(Path(image.path).name for image in survey.unmapped)
    if len(survey.unmapped) < len(survey.images) and not all(image.is_placed for image in survey.unmapped):
        raise OrbitileError(f"{names}: no georeferencing, unlike the other images; georeference them, or make two runs")
    if request.gsd_m is None:
        raise OrbitileError(f"{names}: no map; --gsd-m says how many metres a pixel is (docs/raw-images.md)")
    return max(request.gsd_m, *(survey.gsd_range_m or ()), 0.0)


def _image_path(path: str, folder: Path) -> str:
    return path if is_remote(path) else _relative(Path(path), folder)


def _relative(path: Path, folder: Path) -> str:
    here, path, folder = Path.cwd(), path.resolve(), folder.resolve()
    inside = path.is_relative_to(here) and folder.is_relative_to(here)
    return os.path.relpath(path, folder) if inside else str(path)


def _settings_text(request: RunRequest, table: Path, survey: ImageSurvey, body: Body, fit: NetworkFit) -> str:
    about = fit.network.facts.about
    low, high = about.gsd_range_m
    lines = [
        f"# The run {request.run}, written by `orbitile new` from the headers of its images.",
        "# config/config.yaml explains every key, docs/first-run.md the way from here to a catalogue.",
        _entry(run=request.run),
        _entry(body=body.name),
        f"{_entry(scenes=str(table))}  # {_survey_note(survey)}",
        f"{_entry(model=fit.network.name)}  # for {about.images}, {about.body}, {low:g} to {high:g} m/px",
        f"{_entry(gsd_m=fit.finest_m)}  # m/px of the finest scale{_coarsened_note(fit, survey)}",
        f"# Searched are {_scales_note(fit)}.",
        *(["access:", f"  servers: {_list(request.servers)}"] if request.servers else []),
        *([_entry(pixel_coordinates=True)] if survey.is_plain else []),
        *([f"bands: {_list(request.bands)}"] if request.bands else []),
        *([f"{_entry(crs=f'IAU_2015:{body.code + 10}')}  # maps in degrees become one in metres"]
          if survey.has_degrees else []),
        *(["evaluation:", f"  {_entry(truth=str(request.truth))}"] if request.truth else []),
    ]  # fmt: skip
    return "\n".join([*lines, ""])


def _editor_line(folder: Path) -> str:
    """What tells editors that check settings as they are typed by which schema; nothing outside of a checkout."""
    return f"# yaml-language-server: $schema={_relative(SCHEMA, folder)}\n" if SCHEMA.is_file() else ""


def _entry(**value: object) -> str:
    return yaml.safe_dump(dict(value), width=float("inf"), allow_unicode=True).strip()


def _list(values: Sequence[int | str]) -> str:
    return yaml.safe_dump([*values], width=float("inf"), allow_unicode=True, default_flow_style=True).strip()


def _survey_note(survey: ImageSurvey) -> str:
    dtypes = ", ".join(f"{count} of {dtype}" for dtype, count in survey.dtypes.items())
    limits = survey.gsd_range_m
    gsd = "no map" if limits is None else _range_text(*limits)
    return f"{format_count(len(survey.images), 'scene')}: {dtypes}; {gsd}"


def _range_text(low: float, high: float) -> str:
    return f"{low:.4g} m/px" if f"{low:.4g}" == f"{high:.4g}" else f"{low:.4g} to {high:.4g} m/px"


def _coarsened_note(fit: NetworkFit, survey: ImageSurvey) -> str:
    finer = survey.gsd_range_m and rounded_up(survey.gsd_range_m[1]) < fit.finest_m
    return ": coarser than the images, as the network learnt" if fit.is_coarsened and finer else ""


def _scales_note(fit: NetworkFit) -> str:
    scales = [
        f"{scale.gsd_m(fit.finest_m):.4g} m/px from {scale.min_object_px:g} px on"
        for scale in fit.network.facts.about.scales
    ]
    return ", ".join(scales)


def new_run_lines(new: NewRun) -> Iterator[str]:
    """What was written, what to expect, and the next two commands, as lines for the terminal."""
    about = new.fit.network.facts.about
    yield f"{new.settings_path}: written and checked; scene table {new.table_path}"
    yield f"  {new.settings.body}, {_survey_note(new.survey)}"
    yield f"  network {new.fit.network.name}: for {about.images} of {about.body}; it fails: {about.fails[0]}"
    yield f"  searched: {_scales_note(new.fit)}{_coarsened_note(new.fit, new.survey)}"
    if sum(row.in_mosaic for row in new.rows) > 1:
        yield "  scenes abut on one pixel grid, as pieces of a mosaic do: stretch_values gives them one stretch"
    if new.plan.grouping_text:
        yield f"  {new.plan.grouping_text}; a cluster's first dry run may choose otherwise"
    yield from _warning_lines(new)
    yield from _cost_lines(new.costs)
    call = f"snakemake --profile profiles/local --configfile {new.settings_path}"
    yield from ("Next, a dry run, then the run:", "  . .venv/bin/activate", f"  {call} -n", f"  {call}")


def _warning_lines(new: NewRun) -> Iterator[str]:
    warnings = [*new.warnings, *(f"{row.scene}: {text}" for row in new.rows for text in row.warnings)]
    yield from (f"  WARNING: {text}" for text in warnings[:WARNINGS_SHOWN])
    if len(warnings) > WARNINGS_SHOWN:
        yield f"  and {len(warnings) - WARNINGS_SHOWN:,} warnings more, which the dry run shows"


def _cost_lines(costs: RunCosts) -> Iterator[str]:
    free = shutil.disk_usage(Path.cwd()).free
    time = (
        f"about {_duration(costs.seconds)} on this machine, by a network timed on it"
        if costs.seconds
        else "time not measured"
    )
    yield f"  an estimate: {costs.peaks_text(free)}; {time}"
    if costs.disk_bytes > free:
        yield "  WARNING: that may be more than the disk has; make room, or run in another folder (--directory)"


def _duration(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.0f} h"
