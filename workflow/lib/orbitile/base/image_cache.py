"""A folder of images from servers that runs share, so that none is downloaded twice, up to a size.

An image is known by its address and version, and is there complete or not at all. Who needs it takes a copy: nobody
reads what another process removes. What was used least recently goes first.
"""

import hashlib
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from orbitile.base.errors import first_line
from orbitile.base.files import atomic
from orbitile.base.messages import format_size
from orbitile.base.remote_files import download

log = logging.getLogger(__name__)

CACHED_NAME = re.compile(r"\.?[0-9a-f]{64}(\.[0-9a-f]{8})?\.image")
"""Names of images, and of what is being written: no other file of the folder is touched."""
ABANDONED_AFTER_S = 86400.0
"""Age of a file that was being written by a process that must have ended."""


class CachedFile(NamedTuple):
    """A file of the folder; its bytes, and when it was last used (seconds of the file system's clock)."""

    used: float
    size: int
    path: Path

    @property
    def is_complete(self) -> bool:
        """Whether it is an image, and not being written."""
        return not self.path.name.startswith(".")


class ImageCache(NamedTuple):
    """The folder, and how many bytes its images may have."""

    folder: Path
    limit_bytes: int

    @classmethod
    def of(cls, access: dict) -> Self | None:
        """That of the section `access` of the settings; None where it names no folder."""
        return cls(Path(access["cache"]), int(access["cache_gb"] * 1e9)) if access["cache"] else None

    def fetch(self, url: str, version: str, path: Path) -> None:
        """Write an image on a server to a path: a copy of that in the folder, or else a download, which is kept there.

        OrbitileError where it is no longer of that version, or cannot be read. A folder that cannot be used is said.
        """
        cached = self._path(url, version)
        if _copied(cached, version, path):
            log.info("%s: taken from %s", url, self.folder)
            return
        download(url, version, path)
        size = path.stat().st_size
        if size > self.limit_bytes:
            log.warning("%s: is not kept, as all of %s holds %s", url, self.folder, format_size(self.limit_bytes))
            return
        try:
            self._keep(path, size, cached)
        except OSError as error:
            log.warning("%s: is not kept in %s (%s)", url, self.folder, first_line(error))

    def _path(self, url: str, version: str) -> Path:
        known_by = "\n".join((url, version))
        return self.folder / f"{hashlib.sha256(known_by.encode()).hexdigest()}.image"

    def _keep(self, path: Path, size: int, cached: Path) -> None:
        self._make_room(size)
        with atomic(cached) as temporary:
            shutil.copyfile(path, temporary)
        self._make_room(0)  # others may have written meanwhile

    def _make_room(self, size: int) -> None:
        """Remove what was used least recently until `size` bytes more are within the limit."""
        files = sorted(self._files())
        total = size + sum(file.size for file in files)
        now = time.time()
        for file in files:
            is_abandoned = not file.is_complete and now - file.used > ABANDONED_AFTER_S
            if is_abandoned or (file.is_complete and total > self.limit_bytes):
                file.path.unlink(missing_ok=True)
                total -= file.size

    def _files(self) -> Iterator[CachedFile]:
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            if CACHED_NAME.fullmatch(path.name):
                with suppress(FileNotFoundError):  # another process may remove it
                    status = path.stat()
                    yield CachedFile(status.st_mtime, status.st_size, path)


def _copied(cached: Path, version: str, path: Path) -> bool:
    """Whether a file was there to be copied, with as many bytes as its version states; it counts as used now."""
    try:
        with suppress(PermissionError):  # of another user
            os.utime(cached)
        shutil.copyfile(cached, path)
    except OSError:
        return False  # not there, or removed on another machine meanwhile
    if version.startswith(f"{path.stat().st_size}-"):
        return True
    with suppress(OSError):
        cached.unlink()
    return False
