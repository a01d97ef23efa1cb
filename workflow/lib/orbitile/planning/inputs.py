"""The files that a scene is made of, each checked before anything reads it."""

from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.base.file_access import ADDRESS, FileAccess, check_regular
from orbitile.base.remote_files import is_remote
from orbitile.georeferencing.cameras.spice_kernels import kernel_inputs
from orbitile.georeferencing.image_header import ImageHeader
from orbitile.georeferencing.raw.label import PvlLabel
from orbitile.georeferencing.request import GeorefRequest
from orbitile.rasters.references import image_files, named_files


def geometry_files(request: GeorefRequest, header: ImageHeader, access: FileAccess) -> list[str]:
    """The further files that the position and the pixels of an image come from, if it is not map-projected.

    OrbitileError where one is no regular file, or lies outside the folders of `access` and is named by another file.
    """
    files = []
    if header.product is not None:
        access.around(Path(request.path)).check(header.product.path, header.product.label.path)
        files.append(str(header.product.path))
    if request.elevation:
        files += image_files(request.elevation, access)
    if request.kernels:
        files += kernel_inputs(Path(request.kernels))
    return files + [file for file in request.inputs if file not in files]


def inputs_of_refused(request: GeorefRequest) -> list[str]:
    """The files, as far as can be told, on which it depends that an image cannot be planned; some may be missing."""
    if is_remote(request.path):
        return [request.path]
    files = [*named_files(request.path), *request.inputs, *PvlLabel.companions(request.path)]
    return list(dict.fromkeys(files))


def absence_of(path: str) -> str | None:
    """Why there is no image at a path, where it is an address, a folder, a pipe ...; None where nothing is there."""
    try:
        check_regular(path)
    except OrbitileError as error:
        return str(error) if ADDRESS.search(path) or Path(path).exists() else None
    return None
