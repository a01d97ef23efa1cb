"""Datasets: folders of tables, a part for each group, that appear completely or not at all."""

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from orbitile.base.files import make_folder, sync, sync_folder
from orbitile.tables.geoparquet import read_geo_metadata
from orbitile.tables.parquet import count_rows


@contextmanager
def published_parts(tables: Mapping[str, str], folder: Path) -> Iterator[dict[str, str]]:
    """Yield the paths of the groups' tables in a folder of their own, which takes the place of `folder` on success.

    They are links to the same content: nothing is copied where the file system has such links, and a table that is made
    anew meanwhile leaves the part as it was.
    """
    with published_folder(folder) as temporary:
        parts = {group: temporary / f"{group}.parquet" for group in tables}
        for group, part in parts.items():
            _link(Path(tables[group]), part)
        yield {group: str(part) for group, part in parts.items()}


@contextmanager
def published_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder, which takes the place of `folder` on success; its files are on the disk by then."""
    make_folder(folder.parent)
    for remains in folder.parent.glob(f".{folder.name}.*"):  # of a job that was killed
        shutil.rmtree(remains, ignore_errors=True)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    temporary.mkdir()
    try:
        yield temporary
        _replace_folder(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def describe_part(path: Path) -> dict[str, object]:
    """A part as a manifest beside its folder names it: group, path, rows, bytes, and the bounds of its geometry.

    These are west, south, east and north in degrees, None without rows.
    """
    bounds = read_geo_metadata(path).get("bbox")
    name = f"{path.parent.name}/{path.name}"
    return dict(group=path.stem, path=name, rows=count_rows(path), bytes=path.stat().st_size, bounds=bounds)


def _link(table: Path, part: Path) -> None:
    try:
        os.link(table, part)
    except OSError:
        if not table.is_file():
            raise
        shutil.copyfile(table, part)  # a file system without links, or a table on another one
        sync(part)


def _replace_folder(temporary: Path, folder: Path) -> None:
    sync_folder(temporary)
    shutil.rmtree(folder, ignore_errors=True)
    temporary.replace(folder)
    sync_folder(folder.parent)
