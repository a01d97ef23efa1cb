"""Versions of files: texts that change with every byte that is read of a file, and of the files beside it."""

import hashlib
import os
import stat
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.base.files import cache_key
from orbitile.base.remote_files import is_remote, is_served_by, remote_version

KERNELS = (".tls", ".tsc", ".tpc", ".tf", ".ti", ".bpc", ".bsp", ".bc")
"""The suffixes of SPICE kernels, in the order in which a folder's kernels are loaded. Other files there, such as
images or results, are not part of its version."""
LABELS = (".txt", ".xml", ".json", ".csv", ".tsv", ".tab", ".yaml", ".yml")
"""The suffixes of files with labels of images, which make the version of a folder without kernels,
there or in a folder labels in it."""
SMALL_BYTES = 1 << 14
"""Files up to this size are known by their content: labels, VRTs, world files. To touch one changes nothing."""
AFTER_NAME = (
    ".aux.xml", ".msk", ".ovr", ".msk.ovr", ".msk.aux.xml", ".ovr.aux.xml", ".aux", ".hdr", "-wal", "-journal",
)  # fmt: skip
"""What GDAL appends to a file's name for the files that it reads with it (in small letters): statistics and nodata
values, masks, overviews, headers, pages of a GeoPackage that are not yet in its file."""
AFTER_STEM = (
    ".aux", ".rrd", ".ige", ".hdr", ".lbl", ".xml", ".wld", ".prj", ".tab", ".clr", ".imd", ".rpb",
    ".met", ".pvl", "_rpc.txt", ".shx", ".dbf", ".cpg", ".qpj", ".csvt",
)  # fmt: skip
"""The same, in place of the suffix: labels, world files, coordinate systems, parts of a shapefile. Indices of shapes
are not among them: they speed up, but hold nothing."""
OF_LABELS = (".img", ".dat", ".jp2", ".cub", ".tif", ".raw", ".qub")
"""Images beside a label."""
NOT_THERE = "missing"
LAST_CHARACTER = chr(sys.maxunicode)
"""Sorts behind all that names of files hold."""


class FileVersions:
    """The versions of files with all that is read together with them; each file and each folder is looked at once.

    Of files on servers it is what these tell, if the address lies on one of `servers`: nobody else is asked.
    """

    def __init__(self, servers: Sequence[str] = ()) -> None:
        self._servers = servers
        self._versions: dict[str, str] = {}
        self._entries: dict[str, list[tuple[str, str]]] = {}

    def __call__(self, path: str | Path) -> str:
        """The version of a file, which changes also with what is beside it; of a folder, of its kernels or labels."""
        key = os.fspath(path)
        if key not in self._versions and is_remote(key) and is_served_by(key, self._servers):
            self._versions[key] = _version_on_server(key)
        if key not in self._versions:
            companions = [(Path(file).name, file_version(file)) for file in self.companions(key)]
            beside = f",{cache_key(companions=companions)}" if companions else ""
            self._versions[key] = file_version(key) + beside
        return self._versions[key]

    def companions(self, path: str) -> list[str]:
        """The existing files beside a file that GDAL, or this library, reads together with it; sorted."""
        folder, name = os.path.split(path)
        entries = self._entries_beginning_with(os.path.splitext(name.lower())[0], folder)  # noqa: PTH122
        if entries == [(name.lower(), name)]:  # it is alone, as most images are
            return []
        names = set(companion_names(name))
        files = [entry for lower, entry in entries if lower in names and entry != name]
        return sorted(os.path.join(folder, file) for file in files)  # noqa: PTH118 (pathlib takes ten times as long)

    def _entries_beginning_with(self, stem: str, folder: str) -> list[tuple[str, str]]:
        """The entries of a folder whose names, in small letters, begin with `stem`: that name and the real one of each.

        GDAL takes X.MSK for a mask of x.
        """
        if folder not in self._entries:
            self._entries[folder] = sorted((name.lower(), name) for name in _entries(folder))
        entries = self._entries[folder]
        return entries[bisect_left(entries, (stem,)) : bisect_left(entries, (stem + LAST_CHARACTER,))]


def companion_names(name: str) -> list[str]:
    """The names, in small letters, that files read together with one of a name may have."""
    stem, suffix = os.path.splitext(name.lower())  # noqa: PTH122
    letters = suffix[1:]
    worlds = (f"{stem}.{letters[0]}{letters[-1]}w", f"{stem}.{letters}w") if letters else ()
    images = OF_LABELS if suffix in (".lbl", ".xml") else ()
    after_name = [name.lower() + ending for ending in AFTER_NAME]
    return after_name + [stem + ending for ending in AFTER_STEM + images] + [*worlds]


def file_version(path: str | Path) -> str:
    """A text that changes with a file alone, or "missing"; of a folder, with its kernels or labels.

    Small files are known by their content; of larger ones size, time, time of the last change of any kind, and inode
    count: a file that replaces another of the same size and time has another inode.
    """
    try:
        status = os.stat(path)  # noqa: PTH116
        if stat.S_ISDIR(status.st_mode):
            return _folder_version(Path(path))
        if stat.S_ISREG(status.st_mode) and status.st_size <= SMALL_BYTES:
            with open(path, "rb", buffering=0) as file:
                return f"{status.st_size}-{hashlib.sha256(file.read()).hexdigest()[:16]}"
    except (OSError, ValueError):  # a null character in a name
        return NOT_THERE
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"


def files_version(paths: Iterable[str | Path], version: Callable[[str | Path], str] | None = None) -> str:
    """The versions of several files and folders with what is read together with them, one after another.

    `version` may be a FileVersions that serves many images.
    """
    return "+".join(map(version or FileVersions(), paths))


@contextmanager
def unchanged_files(paths: Sequence[str], version: str, result: Path | None = None) -> Iterator[None]:
    """Refuse files that have no longer the version that was planned with (of `files_version`), before and after.

    OrbitileError names the file that has changed; a `result` made of it meanwhile is removed.
    """
    refuse_changed(paths, version)
    yield
    try:
        refuse_changed(paths, version)
    except OrbitileError:
        if result is not None:
            result.unlink(missing_ok=True)
        raise


@contextmanager
def unchanged_user_files(versions: Mapping[str, str]) -> Iterator[None]:
    """As `unchanged_files`, of files by their paths with the version of each."""
    with unchanged_files(list(versions), "+".join(versions.values())):
        yield


def refuse_changed(paths: Sequence[str], planned: str) -> None:
    """OrbitileError, which names the file, where files have no longer the `planned` version (of `files_version`)."""
    if not paths or files_version(paths) == planned:
        return
    pairs = zip(paths, planned.split("+"), strict=False)
    current = FileVersions()
    changed = next((path for path, version in pairs if current(path) != version), paths[0])
    raise OrbitileError(
        f"{changed}: changed since it was planned, it or a file that belongs to it (.aux.xml, .msk, label ...); leave "
        "the files of a run alone, and run again"
    )


def _version_on_server(url: str) -> str:
    try:
        return remote_version(url)
    except OrbitileError:
        return NOT_THERE


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder or ".")  # noqa: PTH208
    except OSError:
        return []


def _folder_version(folder: Path) -> str:
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in KERNELS)
    if not files:
        entries = [*folder.glob("*"), *folder.glob("labels/*")]
        files = sorted(file for file in entries if file.suffix.lower() in LABELS)
    return cache_key(files=[[str(file.relative_to(folder)), file_version(file)] for file in files])
