"""What reading and writing share: how GDAL opens images, its errors, and its windows."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.env import ensure_env
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterioWindow

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.file_access import SERVICE_DRIVERS, check_regular, restrict_gdal
from orbitile.base.remote_files import RemoteImage
from orbitile.space.grids import Window

GDAL_ERRORS = (RasterioError, CPLE_BaseError, UnicodeDecodeError)
"""Rasterio's errors, GDAL's own, some of which rasterio passes on unchanged, and that of texts that are no UTF-8."""
DRIVERS = (
    "GTiff", "JP2OpenJPEG", "JP2KAK", "PDS4", "PDS", "ISIS3", "ISIS2", "VICAR", "ENVI", "EHdr", "HFA",
    "PNG", "JPEG", "BMP", "GIF", "PNM", "AAIGrid",
)  # fmt: skip
"""GDAL's drivers for images that hold their pixels, or name the file with them in a label that is looked at first."""
VIRTUAL = ("VRT",)
VRT_MARK = b"<VRTDataset"
HEAD_BYTES = 4096
CACHE_MB = 256
"""GDAL's cache of blocks. Its default, 5 % of the machine's memory, is more than a job asks for on a large node."""
_BESIDE = re.compile(r":::BASE:::[^/\\]+")
"""How GDAL names a file with overviews beside the image."""


def open_dataset(path: str | Path) -> rasterio.DatasetReader:
    """Open an image of a user, or one of this library, for reading: the only place where files are opened as images.

    OrbitileError for what is no regular file or names files with overviews elsewhere; GDAL_ERRORS for what is none of
    the formats (DRIVERS, and virtual rasters). What a virtual raster or a label names is not looked at here, but in
    orbitile.rasters.references, when a run is planned.
    """
    check_regular(path)
    drivers = VIRTUAL if is_virtual(read_head(path)) else DRIVERS
    source = _open(_plain_path(path), drivers)
    try:
        _refuse_hidden_overviews(source)
    except OrbitileError:
        source.close()
        raise
    return source


@contextmanager
def opened_virtual(xml: str) -> Iterator[rasterio.DatasetReader]:
    """Open a virtual raster that this library has composed."""
    with rasterio.open(xml) as source:
        yield source


def read_head(path: str | Path) -> bytes:
    """The first bytes of a regular file, by which GDAL tells formats apart; OrbitileError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise OrbitileError(f"{path}: cannot be read ({error.strerror}); is the path right?") from error


def is_virtual(head: bytes) -> bool:
    """Whether GDAL takes a file that begins like this for a virtual raster (VRT)."""
    return head.lstrip().startswith(VRT_MARK)


@ensure_env
def _open(path: Path, drivers: tuple[str, ...]) -> rasterio.DatasetReader:
    return rasterio.DatasetReader(path, driver=list(drivers), sharing=False)


@contextmanager
def opened_on_server(url: str) -> Iterator[rasterio.DatasetReader]:
    """Open a GeoTIFF on a server that may be asked, part by part, without GDAL asking anybody.

    OrbitileError where it is none, or where the server does not answer as it should.
    """
    image = RemoteImage(url)
    try:
        with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
            source = rasterio.open(url, driver="GTiff", sharing=False, opener=image.open)
        with source:
            _refuse_hidden_overviews(source)
            yield source
    except GDAL_ERRORS as error:
        raise image.error or OrbitileError(
            f"{url}: cannot be read as a GeoTIFF, of which alone parts are read from servers ({gdal_reason(error)}); "
            "download it first, and name the file"
        ) from error


def _plain_path(path: str | Path) -> Path:
    """A path that GDAL takes for nothing else, such as the name of a part of a dataset."""
    path = Path(path)
    return path if path.is_absolute() or ":" not in path.parts[0] else path.absolute()


def _register_drivers() -> None:
    """Let GDAL register its drivers, once for the whole process, without those that ask servers or follow files."""
    logger, skipped = logging.getLogger("rasterio._env"), os.environ.get("GDAL_SKIP")
    level = logger.level
    logger.setLevel(logging.ERROR)  # no build of GDAL has all of these drivers, and it warns of each that it lacks
    os.environ["GDAL_SKIP"] = ",".join([*SERVICE_DRIVERS, skipped or ""]).rstrip(",")
    try:
        with rasterio.Env():
            pass
    finally:
        logger.setLevel(level)
        os.environ.pop("GDAL_SKIP")
        os.environ |= {} if skipped is None else {"GDAL_SKIP": skipped}


def _refuse_hidden_overviews(source: rasterio.DatasetReader) -> None:
    """GDAL opens whatever file the metadata of a band name for its overviews."""
    for number in (0, *source.indexes):
        file = source.tags(number, ns="OVERVIEWS").get("OVERVIEW_FILE", "")
        if file and not _BESIDE.fullmatch(file):
            raise OrbitileError(
                f"{source.name}: its metadata name the file {file} for its overviews; remove OVERVIEW_FILE from them"
            )


def gdal_reason(error: Exception) -> str:
    """GDAL's own message of an error, in one line."""
    if isinstance(error, UnicodeDecodeError):
        return f"a text in it, such as the name of its coordinate reference system, is not UTF-8: {error}"
    return first_line(error.__cause__ or error)


def raster_window(window: Window) -> RasterioWindow:
    """A window as rasterio takes it."""
    return RasterioWindow(window.col, window.row, window.width, window.height)


restrict_gdal()
os.environ["GDAL_PNG_WHOLE_IMAGE_OPTIM"] = "NO"  # it gives random pixels for what a truncated file lacks
os.environ.setdefault("GDAL_CACHEMAX", str(CACHE_MB))
_register_drivers()
