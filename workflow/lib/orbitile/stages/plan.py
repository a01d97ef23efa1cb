"""plan: from the scene table and the images' headers to the frozen table that a run follows."""

from pathlib import Path

from orbitile.errors import OrbitileError
from orbitile.files import fingerprint, key, sha256
from orbitile.settings import Settings
from orbitile.tables.plan import Plan, read_plan, write_plan


def current_plan(settings: Settings, path: Path) -> Plan:
    """Return the plan kept at `path`, made anew when the table, the images or the settings changed.

    Called whenever the workflow is parsed, so everything that reads images is imported only for a
    new plan.
    """
    state = _state(settings)
    if path.is_file():
        plan, made_from = read_plan(path)
        if made_from == state and _images_unchanged(plan):
            return plan
    from orbitile.stages.headers import read_headers

    plan = Plan(read_headers(settings))
    write_plan(plan, state, path)
    return plan


def _state(settings: Settings) -> str:
    if not settings.scenes.is_file():
        raise OrbitileError(f"scenes: no scene table at {settings.scenes}")
    relevant = settings.model_dump(include={"body", "crs", "pixel_coordinates", "scales"})
    return key(table=sha256(settings.scenes), place=str(settings.scenes), settings=relevant, version=1)


def _images_unchanged(plan: Plan) -> bool:
    return all(Path(row["path"]).is_file() and fingerprint(row["path"]) == row["fingerprint"] for row in plan.rows)
