"""Folders of images in place of a scene table, each a scene named by its file, and folders of their masks."""

import logging
import re
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.base.files import cache_key, sha256
from orbitile.base.messages import shorten_names, shortened
from orbitile.base.names import LONGEST_NAME

log = logging.getLogger(__name__)

IMAGE_SUFFIXES = (
    ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".jp2", ".bmp", ".gif", ".pgm", ".ppm", ".pnm", ".img", ".cub", ".vrt",
)  # fmt: skip
"""Suffixes, in small letters, of files in a folder that count as images (see orbitile.rasters.gdal.DRIVERS)."""
MASK_SUFFIXES = (".png", ".tif", ".tiff")
"""The same of masks: formats without loss."""


def scene_name(stem: str) -> str:
    """The name of the scene that an image becomes, by the stem of its file, which may have any characters.

    Plain names (see orbitile.base.names) stay. In others "_" takes the place of what may not stand in them, "image"
    goes before a first character that is no letter or digit, and a key takes the place of the end of long ones.
    """
    name = re.sub(r"[^A-Za-z0-9_.-]|(?<=\.)\.", "_", stem)
    if not re.match(r"[A-Za-z0-9]", name):
        name = f"image{name}"
    if len(name) > LONGEST_NAME:
        name = f"{name[: LONGEST_NAME - 13]}_{cache_key(stem=stem)}"
    return name


def images_of_folder(folder: Path) -> dict[str, Path]:
    """The images of a folder, not of those in it, by the names of their scenes; sorted by name.

    Hidden files and those without a usual suffix are left out, and a line of the log says how many. OrbitileError for
    a folder without images, and for images whose scenes would have the same name, even in other case.
    """
    files = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
    images = [path for path in files if path.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise OrbitileError(f"scenes: {folder}: {_no_images(folder)}")
    if len(images) < len(files):
        others = [path.name for path in files if path not in set(images)]
        log.info("%s: %d images; %d other files left out: %s", folder, len(images), len(others),
                 shorten_names(map(shortened, others)))  # fmt: skip
    by_name: dict[str, Path] = {}
    names_by_case: dict[str, str] = {}
    for image in images:
        name = scene_name(image.stem)
        if (earlier := names_by_case.setdefault(name.casefold(), name)) in by_name:
            raise OrbitileError(
                f"scenes: {folder}: {shortened(by_name[earlier].name)} and {shortened(image.name)} would both be the "
                f"scene {shortened(name)}; rename one, or write a scene table"
            )
        by_name[name] = image
    return dict(sorted(by_name.items()))


def masks_of_folder(folder: Path) -> dict[str, Path]:
    """The masks of a folder by the names of their scenes, sorted by name.

    OrbitileError for a folder without masks, and for two masks of a scene.
    """
    masks: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in MASK_SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        if (earlier := masks.setdefault(scene_name(path.stem), path)) != path:
            raise OrbitileError(f"{folder}: {shortened(earlier.name)} and {shortened(path.name)} are both masks of the "
                                f"scene {shortened(scene_name(path.stem))}; remove one")  # fmt: skip
    if not masks:
        inside = _folders_in(folder, "masks") or "; name the folder with the masks"
        raise OrbitileError(f"{folder}: holds no mask ({', '.join(MASK_SUFFIXES)}){inside}")
    return dict(sorted(masks.items()))


def scenes_version(scenes: Path) -> str:
    """A text that changes with a scene table, or with the names of the files in a folder of images.

    OrbitileError where there is neither.
    """
    if scenes.is_dir():
        return cache_key(names=sorted(path.name for path in scenes.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES))
    if scenes.is_file():
        return sha256(scenes)
    raise OrbitileError(f"scenes: there is no scene table and no folder of images at {scenes}")


def _no_images(folder: Path) -> str:
    inside = _folders_in(folder, "images") or "; name a folder of images, or a scene table"
    return f"holds no image ({', '.join(IMAGE_SUFFIXES)}){inside}"


def _folders_in(folder: Path, noun: str) -> str:
    """Which folders a folder has, of which one with such files may be meant; "" for none."""
    below = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return f"; it has the folders {shorten_names(below)}: name the one with the {noun}" if below else ""
