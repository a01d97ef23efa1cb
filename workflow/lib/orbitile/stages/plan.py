"""plan: from the scene table and the images' headers to the frozen table that a run follows."""

from functools import cache
from pathlib import Path

from orbitile.errors import OrbitileError
from orbitile.files import key, sha256, version_of, version_of_all
from orbitile.isis.programs import is_taken
from orbitile.settings import Settings
from orbitile.tables.plan import (
    Origin,
    Plan,
    Unplanned,
    read_columns,
    read_origin,
    read_plan,
    read_rows,
    read_unplanned,
    write_plan,
)


def current_plan(settings: Settings, path: Path) -> Plan:
    """Return the plan kept at `path`, made anew when the table, the images or the settings changed.

    Called whenever the workflow's graph is built, so everything that reads images is imported only
    for a new plan. Jobs take the plan as it is (see orbitile.tables.plan.read_plan).
    """
    origin = _origin(settings)
    if read_origin(path) != origin or not _images_unchanged(path):
        _make(settings, origin, path)
    plan = read_plan(path)
    if plan.unplanned and not settings.allow_failures:
        raise OrbitileError(_explain(plan.unplanned))
    return plan


def _make(settings: Settings, origin: Origin, path: Path) -> None:
    """Plan anew, with the headers and the groups of the plan before where they still hold.

    A plan that is refused leaves the one before it alone, and the headers beside it: they are read once.
    """
    from orbitile.stages.headers import group_scenes, read_headers

    refused = path.with_name("plan-refused.parquet")
    rows, unplanned = read_headers(settings, _known_headers([path, refused], origin))
    if unplanned and not (settings.allow_failures and rows):
        write_plan(rows, [], unplanned, origin, refused)
        raise OrbitileError(_explain(unplanned))
    rows, groups = group_scenes(rows, settings, _frozen_groups(path, origin))
    write_plan(rows, groups, unplanned, origin, path)
    refused.unlink(missing_ok=True)


def _known_headers(plans: list[Path], origin: Origin) -> dict[str, dict]:
    """Rows of earlier plans by their images, where headers were read alike."""
    alike = [path for path in plans if (before := read_origin(path)) and before.headers == origin.headers]
    return {row["path"]: row for path in alike for row in read_rows(path)}


def _frozen_groups(path: Path, origin: Origin) -> dict[str, str]:
    """The groups of the plan before, by scene, that were made for as many scenes per group."""
    before = read_origin(path)
    if before is None or before.partition != origin.partition:
        return {}
    plan = read_plan(path)
    return {scene: group for scene, group in plan.group_of_scene.items() if not plan.members[group].own}


def _explain(unplanned: list[Unplanned]) -> str:
    """Why the run cannot be planned, in one line."""
    more = len(unplanned) - 1
    others = f"; {more} more scene{'s' * (more > 1)} cannot be planned" if more else ""
    return f"{unplanned[0].reason}{others} (--config allow_failures=true leaves such scenes out, by name)"


def _origin(settings: Settings) -> Origin:
    """What a plan for these settings is made from."""
    if not settings.scenes.is_file():
        raise OrbitileError(f"scenes: no scene table at {settings.scenes}")
    reading = settings.model_dump(include={"body", "pixel_coordinates"})
    if settings.pixel_coordinates:
        reading["finest_m"] = settings.finest_m
    mattering = {"body", "crs", "pixel_coordinates", "margin", "scales", "georeferencing"}
    relevant = settings.model_dump(include=mattering) | dict(isis=is_taken(settings.georeferencing.isis))
    state = key(
        table=sha256(settings.scenes), place=str(settings.scenes), settings=relevant, reach=settings.reach_m, version=5
    )
    return Origin(state, str(settings.scenes_per_group), key(reading=reading), settings.chain)


def _images_unchanged(path: Path) -> bool:
    seen = read_columns(path, ["inputs", "fingerprint"])
    images = [*zip(seen["inputs"], seen["fingerprint"], strict=True)]
    images += [(one.inputs, one.fingerprint) for one in read_unplanned(path)]
    look = cache(version_of)  # folders of kernels belong to many images
    return all(version_of_all(inputs, look) == version for inputs, version in images)
