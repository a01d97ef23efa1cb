"""Users' masks, to learn from or as the truth, checked before a run starts: once for each version of them."""

from collections.abc import Sequence
from pathlib import Path

from orbitile.base.files import cache_key
from orbitile.base.versions import FileVersions, file_version, files_version
from orbitile.inference.models.weights_header import BACKGROUND, read_description
from orbitile.pipeline import SEGMENTATION
from orbitile.planning.checks_record import check_once
from orbitile.settings import Settings
from orbitile.tables.image_folders import masks_of_folder
from orbitile.tables.plan import read_columns
from orbitile.tables.scenes import read_scene_origins

CHECKS_VERSION = 1
"""Rises when the checks change."""


def check_mask_files(settings: Settings, plan: Path) -> None:
    """Read the masks of the settings as a run does. OrbitileError for what a run would stumble over.

    Also where masks of scenes are missing: of the truth any, of those to learn from all. Libraries for rasters are
    imported only for files that have not been checked yet.
    """
    folders = mask_folders(settings)
    if not folders:
        return
    masks = [mask for folder in folders.values() for mask in masks_of_folder(folder).values()]
    key = cache_key(
        folders={key: str(folder) for key, folder in folders.items()}, versions=files_version(masks, FileVersions()),
        plan=file_version(plan), version=CHECKS_VERSION, true=true_classes(settings), learnt=settings.mask_files,
        values=settings.labels.mask_values, pixels=settings.pixel_coordinates, deal=settings.scene_deal,
    )  # fmt: skip
    check_once(plan.with_name("mask-files.json"), key, lambda: _check(folders, settings, plan))


def mask_folders(settings: Settings) -> dict[str, Path]:
    """The folders of masks that a run reads, by the keys of the settings."""
    if settings.chain != SEGMENTATION:
        return {}
    training, truth = settings.segmentation_training, settings.evaluation.truth
    folders = {"segmentation_training.masks": training.masks} if training and training.masks else {}
    if settings.model and truth is not None and truth.is_dir():
        folders["evaluation.truth"] = truth
    return folders


def true_classes(settings: Settings) -> tuple[str, ...] | None:
    """The classes that a run maps, in their order, as weights or settings name them; None where neither does."""
    if settings.model is None:
        return None
    weights = settings.model.weights
    stated = read_description(weights).get("names") if weights.is_file() else None
    names: Sequence[str] | None = settings.model.classes
    if isinstance(stated, dict) and all(number.isdecimal() for number in stated):
        names = [str(stated[number]) for number in sorted(stated, key=int)]
    return None if names is None else tuple(name for name in names if name != BACKGROUND)


def _check(folders: dict[str, Path], settings: Settings, plan: Path) -> None:
    from orbitile.features.labels.masks import MaskFolder

    training = settings.segmentation_training
    learnt = tuple(training.classes) if training else None
    columns = read_columns(plan, ["scene", "width", "height"])
    sizes = dict(zip(columns["scene"], zip(columns["width"], columns["height"], strict=True), strict=True))
    for key, folder in folders.items():
        is_truth = key == "evaluation.truth"
        classes = true_classes(settings) if is_truth else learnt
        if classes is None:
            continue
        masks = MaskFolder(folder, classes, settings.labels.mask_values)
        scenes = list(sizes) if is_truth else _learnt(masks.by_scene, sizes, settings)
        masks.check_scenes(list(sizes))
        for scene in scenes:
            masks.check(scene, sizes[scene] if settings.pixel_coordinates else None)


def _learnt(masks: dict[str, Path], sizes: dict[str, tuple[int, int]], settings: Settings) -> list[str]:
    """The scenes that have a mask, without those for tests (see orbitile.training.scene_deal)."""
    training = settings.segmentation_training
    named = training.validation_scenes if training else ()
    tests = {scene for scene, origin in read_scene_origins(settings.scenes).items() if origin.is_for_tests}
    return [scene for scene in sizes if scene in masks and (scene not in tests or scene in named)]
