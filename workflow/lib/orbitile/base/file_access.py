"""Which files may be read: regular files on this machine, and of those that other files name, those in some folders."""

import os
import re
import stat
from pathlib import Path
from typing import NamedTuple

from orbitile.base.errors import OrbitileError

ADDRESS = re.compile(r"(^|/)vsi\w+/|(^|/)[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
"""Addresses, and GDAL's names of files inside archives, in memory and on servers; a table's folder may precede them."""
SERVICE_DRIVERS = (
    "HTTP", "WCS", "WMS", "WMTS", "OGCAPI", "EEDA", "EEDAI", "PLMOSAIC", "DAAS", "STACIT", "STACTA", "GTI", "MRF",
    "PLScenes", "WFS", "OAPIF", "CSW", "GMLAS", "Carto", "Elastic", "AmigoCloud", "NGW", "Zarr", "netCDF", "HDF5",
    "HDF5Image", "HDF4", "HDF4Image", "BAG", "S102", "S104", "S111", "KEA", "TileDB", "DERIVED", "PDF", "Rasterlite",
    "RASTERLITE2", "KMLSUPEROVERLAY", "LIBKML", "KML", "GeoRSS", "AVCE00", "SENTINEL2", "SAFE", "TIL", "ECRGTOC",
    "RPFTOC",
)  # fmt: skip
"""GDAL's drivers that ask servers, or that follow what a file says to other files."""
ENVIRONMENT = {
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",  # no /vsicurl/, /vsis3/ ...: nothing bears this name
    "PROJ_NETWORK": "OFF",
    "GDAL_HTTP_TIMEOUT": "1",
    "GDAL_HTTP_MAX_RETRY": "0",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE": "SIBLING_OR_CHILD_OF_VRT_PATH",
}
"""What closes GDAL's ways to the network and to code, also where it opens files that a file names."""


def restrict_gdal() -> None:
    """Close GDAL's ways to the network and to code for this process and those that it starts."""
    os.environ.update(ENVIRONMENT)


class FileAccess(NamedTuple):
    """The folders in which, and below which, files may lie that other files name."""

    folders: tuple[Path, ...] = ()

    def around(self, path: Path) -> "FileAccess":
        """Also the folder of a file that the user names, and the one that a link there leads to.

        OrbitileError for a path that cannot be one, and for links that lead back to themselves.
        """
        return FileAccess((*self.folders, path.parent, real_path(path).parent))

    def check(self, path: Path, source: Path) -> None:
        """OrbitileError for a file named by another one, `source`, that lies elsewhere or is no regular file."""
        check_regular(path)
        real = path.resolve()
        if not any(real.is_relative_to(folder.resolve()) for folder in self.folders):
            raise OrbitileError(
                f"{source}: refers to {path}, outside of its folder; if that is right, name the folder of that file "
                "in the settings: access: {folders: [...]}"
            )


def real_path(path: Path) -> Path:
    """Where a path leads, links followed; OrbitileError for one that cannot be a path, and for links in a circle."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise OrbitileError(f"{path}: {_absence(str(path), error)}") from error


def check_regular(path: str | Path) -> None:
    """OrbitileError for whatever is no regular file: nothing there, a folder, a pipe, a device, an address."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except (OSError, ValueError) as error:
        raise OrbitileError(f"{path}: {_absence(str(path), error)}") from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe, a device or a socket"
        raise OrbitileError(f"{path}: is {kind}, where a file is expected; give a regular file")


def _absence(path: str, error: Exception) -> str:
    if ADDRESS.search(path):
        return (
            "is an address or lies in an archive, and what is there can change unnoticed; download or unpack it first"
        )
    reason = getattr(error, "strerror", None) or error
    return f"cannot be read as a file ({reason}); is the path right?"
