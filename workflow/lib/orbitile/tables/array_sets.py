"""Sets of images in arrays of an .npz file, written as images, masks and a scene table: `python -m orbitile unpack`."""

import csv
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.files import make_folder, sync_file_system
from orbitile.base.messages import shorten_names, shortened
from orbitile.base.names import is_plain_name
from orbitile.tables.datasets import published_folder
from orbitile.tables.image_folders import scene_name

PNG_TYPES, PNG_CHANNELS = ("uint8", "uint16"), (1, 3)
"""What a PNG can hold without loss; other images become TIF."""
IMAGE_TYPES = ("uint8", "uint16", "int16", "int32", "uint32", "float32", "float64")
MOST_CHANNELS = 64
LARGEST_LABEL = 255


class ArrayNames(NamedTuple):
    """The names of the arrays of images, of masks and of the places that images come from."""

    images: str
    masks: str | None = None
    places: str | None = None


def unpack_arrays(path: Path, names: ArrayNames, folder: Path, prefix: str | None = None) -> int:
    """Write images/<prefix>_0001.png ..., masks/ with the same names, and scenes.csv; returns the number of images.

    Images are (n, rows, columns) or (n, rows, columns, channels), masks (n, rows, columns) of 0 to 255, places (n).
    The scene table has the columns scene, path and, where there are places, place. The folder appears complete or not
    at all. OrbitileError for what is no .npz file, for arrays that are missing or of another shape or kind, and for a
    folder that is there.
    """
    prefix = names.images if prefix is None else prefix
    if not is_plain_name(f"{prefix}_1"):
        raise OrbitileError(f"--prefix: {shortened(prefix)}; allowed are letters, digits, _, . and -, as in names of "
                            "scenes")  # fmt: skip
    if folder.exists():
        raise OrbitileError(f"{folder}: is there already; name a folder to be made")
    with _opened_set(path) as arrays:
        images = _images(_array(path, arrays, names.images), f"{path}: {names.images}")
        masks = _array(path, arrays, names.masks) if names.masks else None
        places = _array(path, arrays, names.places) if names.places else None
    masks = None if masks is None else _masks(masks, images, f"{path}: {names.masks}")
    places_text = None if places is None else _places(places, len(images), f"{path}: {names.places}")
    stems = [f"{prefix}_{number:0{max(4, len(str(len(images))))}d}" for number in range(1, len(images) + 1)]
    with published_folder(folder) as unfinished:
        _write_set(unfinished, stems, images, masks, places_text)
        sync_file_system(unfinished)
    return len(images)


@contextmanager
def _opened_set(path: Path) -> Iterator[Mapping[str, np.ndarray]]:
    """The arrays of an .npz file; nothing in it is run."""
    if not path.is_file():
        raise OrbitileError(f"{path}: there is no such file; name an .npz file")
    try:
        arrays = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise OrbitileError(f"{path}: not an .npz file of NumPy ({first_line(error)})") from error
    if not isinstance(arrays, np.lib.npyio.NpzFile):
        raise OrbitileError(f"{path}: holds a single array without a name; save it with numpy.savez")
    with arrays:
        yield arrays


def _array(path: Path, arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    if name not in arrays:
        raise OrbitileError(f"{path}: has no array {shortened(name)}; it has {shorten_names(sorted(arrays))}")
    try:
        return arrays[name]
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise OrbitileError(f"{path}: {name}: cannot be read as plain numbers or texts ({first_line(error)})"
                            ) from error  # fmt: skip


def _images(images: np.ndarray, name: str) -> np.ndarray:
    """Images as (n, rows, columns, channels), of a type that a file can hold."""
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim == 4 and images.shape[1] < images.shape[2] == images.shape[3]:
        raise OrbitileError(f"{name}: of shape {images.shape}, whose channels seem to come before rows and columns; "
                            "save them as the last axis: numpy.moveaxis(images, 1, -1)")  # fmt: skip
    if images.ndim != 4 or not images.size or images.shape[3] > MOST_CHANNELS:
        raise OrbitileError(f"{name}: of shape {images.shape}; images are (n, rows, columns) or (n, rows, columns, "
                            f"channels), of at most {MOST_CHANNELS} channels")  # fmt: skip
    if images.dtype.name not in IMAGE_TYPES:
        raise OrbitileError(f"{name}: of type {images.dtype}; images are of {', '.join(IMAGE_TYPES)}")
    return images


def _masks(masks: np.ndarray, images: np.ndarray, name: str) -> np.ndarray:
    """Masks as (n, rows, columns) of uint8."""
    masks = masks[..., 0] if masks.ndim == 4 and masks.shape[3] == 1 else masks
    if masks.shape != images.shape[:3]:
        raise OrbitileError(f"{name}: of shape {masks.shape}; masks of these images are {images.shape[:3]}")
    values = np.unique(masks) if masks.dtype.kind in "buif" else np.array([-1])
    if not np.isin(values, np.arange(LARGEST_LABEL + 1)).all():
        raise OrbitileError(f"{name}: holds other values than masks have, whole numbers from 0 to {LARGEST_LABEL}")
    return masks.astype(np.uint8)


def _places(places: np.ndarray, count: int, name: str) -> list[str]:
    """Places as plain texts."""
    if places.shape != (count,) or places.dtype.kind not in "Ubiu":
        raise OrbitileError(f"{name}: of shape {places.shape} and type {places.dtype}; places are {count} texts or "
                            "whole numbers")  # fmt: skip
    texts = [scene_name(str(place).strip()) for place in places.tolist()]
    if len(set(texts)) < len(set(places.tolist())):
        raise OrbitileError(f"{name}: two places would get the same name; places differ in letters, digits, _, . or -")
    return texts


def _write_set(
    folder: Path, stems: list[str], images: np.ndarray, masks: np.ndarray | None, places: list[str] | None
) -> None:
    is_png = images.dtype.name in PNG_TYPES and images.shape[3] in PNG_CHANNELS
    suffix = ".png" if is_png else ".tif"
    for name in ("images", "masks") if masks is not None else ("images",):
        make_folder(folder / name)
    for number, stem in enumerate(stems):
        _write_image(folder / "images" / f"{stem}{suffix}", np.moveaxis(images[number], -1, 0))
        if masks is not None:
            _write_image(folder / "masks" / f"{stem}.png", masks[number][None])
    with open(folder / "scenes.csv", "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["scene", "path", *(["place"] if places else [])])
        for number, stem in enumerate(stems):
            table.writerow([stem, f"images/{stem}{suffix}", *([places[number]] if places else [])])


def _write_image(path: Path, pixels: np.ndarray) -> None:
    """Write pixels (channels, rows, columns) in the format of the suffix.

    As grey and further channels in TIF: by default GDAL makes the last of four bytes an alpha band.
    """
    channels, height, width = pixels.shape
    form = dict(driver="PNG") if path.suffix == ".png" else dict(driver="GTiff", photometric="MINISBLACK")
    profile = dict(**form, width=width, height=height, count=channels, dtype=pixels.dtype.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **profile) as sink:
            sink.write(pixels)
