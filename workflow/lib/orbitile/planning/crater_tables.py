"""Users' crater tables, checked before a run starts: once for each version of them and of the plan's scenes."""

from pathlib import Path

from orbitile.base.files import cache_key
from orbitile.base.versions import files_version
from orbitile.pipeline import DETECTION
from orbitile.planning.checks_record import check_once
from orbitile.settings import Settings
from orbitile.space.bodies import find_body
from orbitile.space.pixel_grid import pixel_grid
from orbitile.tables.plan import read_columns

CHECKS_VERSION = 3
"""Rises when the checks change."""


def check_crater_tables(settings: Settings, plan: Path) -> None:
    """Read the crater tables of the settings as a run does. OrbitileError for what a run would stumble over.

    Libraries for tables are imported only for files that have not been checked yet.
    """
    tables = crater_tables(settings)
    if not tables:
        return
    sizes = _sizes(plan) if settings.pixel_coordinates else {}
    files = [path for path, _ in tables.values()]
    key = cache_key(
        tables=tables, versions=files_version(files), sizes=sizes, version=CHECKS_VERSION, body=settings.body,
        finest_m=settings.finest_m,
    )  # fmt: skip
    check_once(plan.with_name("crater-tables.json"), key, lambda: _check(tables, settings, sizes))


def crater_tables(settings: Settings) -> dict[str, tuple[str, dict]]:
    """The crater tables that are there to be read, with the names of their columns, by the keys of the settings."""
    if settings.chain != DETECTION:
        return {}
    training = settings.training
    tables = {
        "evaluation.truth": (settings.evaluation.truth, settings.truth_columns),
        "annotation.craters": (settings.annotation.craters, settings.annotation_columns),
        "training.craters": (training and training.craters, settings.label_columns or {}),
    }
    return {key: (str(path), columns) for key, (path, columns) in tables.items() if path and path.exists()}


def _sizes(plan: Path) -> dict[str, tuple[int, int]]:
    """Width and height of the images in pixels, by scene."""
    columns = read_columns(plan, ["scene", "width", "height"])
    return dict(zip(columns["scene"], zip(columns["width"], columns["height"], strict=True), strict=True))


def _check(tables: dict[str, tuple[str, dict]], settings: Settings, sizes: dict[str, tuple[int, int]]) -> None:
    from orbitile.tables.craters import CraterTable, PixelPlaces, read_craters_of_run

    body = find_body(settings.body)
    pixels = PixelPlaces(pixel_grid(body, settings.finest_m, 1, 1), body.radius_m, sizes)
    for path, columns in tables.values():
        read_craters_of_run(CraterTable.of(path, columns), pixels, len(sizes))
