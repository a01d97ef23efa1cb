"""Users' vector files, checked before a run starts: once for each version of them and of the plan."""

from pathlib import Path

from orbitile.base.files import cache_key
from orbitile.base.versions import file_version, files_version
from orbitile.pipeline import SEGMENTATION
from orbitile.planning.checks_record import check_once
from orbitile.settings import Settings

CHECKS_VERSION = 1
"""Rises when the checks change."""


def check_vector_files(settings: Settings, plan: Path) -> None:
    """Check labels, true lines and polygons, and areas, against themselves and the scenes of a plan.

    Libraries for vectors are imported only for files that have not been checked yet. OrbitileError names file and row.
    """
    files = vector_files(settings)
    if not files:
        return
    key = cache_key(
        files=files, versions=files_version(files.values()), plan=file_version(plan), version=CHECKS_VERSION,
        settings=[settings.body, settings.label_fields, settings.label_rasterisation, settings.finest_m],
    )  # fmt: skip
    check_once(plan.with_name("vector-files.json"), key, lambda: _check(settings, plan))


def _check(settings: Settings, plan: Path) -> None:
    from orbitile.planning.vector_checks import check_vectors

    check_vectors(settings, plan)


def vector_files(settings: Settings) -> dict[str, str]:
    """The vector files that a run reads, by the keys of the settings; tables of craters are none."""
    if settings.chain != SEGMENTATION:
        return {}
    files = {f"mapping.{key}": getattr(settings.mapping, key) for key in ("inside", "outside", "seams")}
    truth = settings.evaluation.truth
    files["evaluation.truth"] = None if truth is not None and truth.is_dir() else truth  # a folder of masks
    training = settings.segmentation_training
    labels = {f"segmentation_training.labels.{n}": path for n, path in enumerate(training.labels if training else ())}
    return {key: str(path) for key, path in (files | labels).items() if path is not None}
