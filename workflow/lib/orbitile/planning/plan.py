"""plan: from the scene table and the images' headers to the frozen table that a run follows."""

from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.base.files import cache_key
from orbitile.base.messages import format_count, shorten_names
from orbitile.base.remote_files import is_remote, remote_versions
from orbitile.base.versions import FileVersions, files_version
from orbitile.georeferencing.instruments.isis_support import isis_enabled
from orbitile.jobs.driver import refuse_while_driven
from orbitile.pipeline import code_version
from orbitile.planning.crater_tables import check_crater_tables
from orbitile.planning.mask_files import check_mask_files
from orbitile.planning.vector_files import check_vector_files
from orbitile.settings import Settings
from orbitile.tables.image_folders import scenes_version
from orbitile.tables.plan import (
    Plan,
    PlanOrigin,
    PlanRow,
    UnplannedScene,
    read_columns,
    read_origin,
    read_plan,
    read_rows,
    read_unplanned,
    refused_plan,
    write_plan,
)

VERSIONS_LIMIT_S = 60.0
"""Seconds after which no further server is asked whether its images have changed since they were planned."""


class UnplannedScenesError(OrbitileError):
    """Scenes that cannot be planned, in a line. A run that allows failures leaves them out."""


def current_plan(settings: Settings, path: Path, submitted_jobs: int | None = None) -> Plan:
    """Return the plan at `path`, made anew if the scene table, the images or the settings have changed.

    `submitted_jobs` is how many jobs are submitted to a cluster at a time; None: they run on this machine. It matters
    only to the first plan of a run that leaves the number of scenes per group open: later ones keep that number.
    Called whenever the workflow's graph is built, so everything that reads images is imported only
    for a new plan. Jobs take the plan as it is (see orbitile.tables.plan.read_plan); OrbitileError for a new plan while
    a process drives the run by the earlier one.
    """
    origin = _origin(settings)
    earlier = read_origin(path)
    if earlier != origin or not _images_unchanged(path):
        if earlier is not None:
            refuse_while_driven(path.parent)
        _make_plan(settings, origin, path, submitted_jobs)
    plan = read_plan(path)
    if plan.unplanned and not settings.allow_failures:
        raise UnplannedScenesError(_explain(plan.unplanned))
    _check_validation_scenes(settings, plan)
    check_vector_files(settings, path)
    check_crater_tables(settings, path)
    check_mask_files(settings, path)
    refused_plan(path).unlink(missing_ok=True)
    return plan


def _check_validation_scenes(settings: Settings, plan: Plan) -> None:
    """OrbitileError for scenes kept for validation that the scene table does not have."""
    trainings = dict(training=settings.training, segmentation_training=settings.segmentation_training)
    for section, training in trainings.items():
        if not (training and training.validation_scenes):
            continue
        names = {*plan.group_of_scene, *(scene.scene for scene in plan.unplanned)}
        if unknown := sorted(set(training.validation_scenes) - names):
            raise OrbitileError(
                f"{section}.validation_scenes: {shorten_names(unknown)}: no scene of this run, whose scenes are "
                f"{shorten_names(sorted(names))}"
            )


def _make_plan(settings: Settings, origin: PlanOrigin, path: Path, submitted_jobs: int | None) -> None:
    """Plan anew, with the rows and the groups of the earlier plan where these still hold.

    A plan that is refused does not replace the earlier one; its rows go to a file beside it, to be read only once.
    """
    from orbitile.planning.group_size import Workforce, choose_grouping
    from orbitile.planning.headers import group_scenes, read_headers
    from orbitile.planning.run_size import measure_run

    refused = refused_plan(path)
    rows, unplanned = read_headers(settings, _earlier_rows([path, refused], origin))
    if unplanned and not (settings.allow_failures and rows):
        write_plan(rows, [], unplanned, origin, refused)
        raise UnplannedScenesError(_explain(unplanned))
    earlier = _earlier_partition(path, origin)
    grouping = earlier.grouping if earlier else choose_grouping(rows, settings, Workforce.of_call(submitted_jobs))
    rows, groups = group_scenes(rows, settings, grouping.scenes_per_group, _frozen_groups(earlier))
    write_plan(rows, groups, unplanned, origin, path, grouping, measure_run(rows, settings))


def _earlier_rows(plans: list[Path], origin: PlanOrigin) -> dict[str, PlanRow]:
    """Rows of earlier plans by their images, if headers were read with the same settings."""
    same = [path for path in plans if (earlier := read_origin(path)) and earlier.headers == origin.headers]
    return {row.path: row for path in same for row in read_rows(path)}


def _earlier_partition(path: Path, origin: PlanOrigin) -> Plan | None:
    """The earlier plan, if the settings said the same of scenes per group."""
    earlier = read_origin(path)
    return None if earlier is None or earlier.partition != origin.partition else read_plan(path)


def _frozen_groups(plan: Plan | None) -> dict[str, str]:
    """The groups of an earlier plan by scene, but for those that the scene table named."""
    if plan is None:
        return {}
    return {scene: group for scene, group in plan.group_of_scene.items() if not plan.members[group].named_by_user}


def _explain(unplanned: list[UnplannedScene]) -> str:
    """Why the run cannot be planned, in one line."""
    more = len(unplanned) - 1
    rest = f"; {format_count(more, 'more scene')} cannot be planned" if more else ""
    return f"{unplanned[0].reason}{rest}"


def _origin(settings: Settings) -> PlanOrigin:
    """What a plan with these settings is made from."""
    table = scenes_version(settings.scenes)
    access = {"access": {"folders", "servers"}}
    reading = settings.model_dump(include=access | dict.fromkeys(["body", "pixel_coordinates"], True))
    if settings.pixel_coordinates:
        reading["finest_m"] = settings.finest_m
    names = ["body", "crs", "pixel_coordinates", "bands", "margin", "scales", "georeferencing"]
    relevant = settings.model_dump(include=access | dict.fromkeys(names, True)) | dict(
        isis=isis_enabled(settings.georeferencing.isis)
    )
    relevant["stretch_pairs"] = len(settings.stretch_values or [None])
    if settings.model is not None:  # how many bands it takes
        relevant["network"] = settings.model.model_dump(include={"sha256", "network", "mean"})
        if settings.model.body:
            relevant["network"] |= settings.model.model_dump(include={"body", "images"})
        if settings.model.gsd_range_m:  # what images are far from it
            relevant["network"] |= dict(gsd_range_m=settings.model.gsd_range_m)
    if settings.assumed_gsd_m is not None:
        relevant["assumed_gsd_m"] = settings.assumed_gsd_m
    if not settings.scenes.is_absolute():  # where it counts from decides where images lie
        relevant["place"] = str(Path.cwd())
    state = cache_key(
        table=table, table_path=str(settings.scenes), settings=relevant, reach=settings.reach_m,
        version=code_version("plan"),
    )  # fmt: skip
    return PlanOrigin(state, str(settings.scenes_per_group), cache_key(reading=reading), settings.chain)


def _images_unchanged(path: Path) -> bool:
    """Whether all images are as they were planned; those on servers that do not answer soon count as such."""
    columns = read_columns(path, ["inputs", "fingerprint"])
    images = [*zip(columns["inputs"], columns["fingerprint"], strict=True)]
    images += [(scene.inputs, scene.fingerprint) for scene in read_unplanned(path)]
    remote = {inputs[0]: fingerprint for inputs, fingerprint in images if inputs and is_remote(inputs[0])}
    current = remote_versions(list(remote), VERSIONS_LIMIT_S)
    if any(current.get(url, planned) != planned for url, planned in remote.items()):
        return False
    version = FileVersions()
    local = [(inputs, fingerprint) for inputs, fingerprint in images if not (inputs and is_remote(inputs[0]))]
    return all(files_version(inputs, version) == fingerprint for inputs, fingerprint in local)
