"""Manifests of results in many files: JSON, written last, that names the files and says what they hold.

Without a manifest there is no result. Its `parts` are the files of a dataset, its `files` the same in formats that
stand alone: both lists of objects with `path`, relative to the manifest, `bytes`, and of tables `rows`.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from orbitile.base.errors import OrbitileError

WITHDRAWN = ".withdrawn.json"
"""In place of the suffix of a manifest that does not count any more."""


def read_manifest(path: Path) -> dict[str, Any]:
    """What a manifest says; OrbitileError where there is none, or none that can be read."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise OrbitileError(f"{path}: there is no such file: the run has not come to its end; run it (again)") from None
    except (OSError, ValueError) as error:
        raise OrbitileError(f"{path}: not a readable manifest ({error}); run again") from error


def listed_files(folder: Path, names: Iterable[str]) -> list[dict[str, Any]]:
    """What a manifest in a folder says of files, by their names in it."""
    return [dict(path=name, bytes=(folder / name).stat().st_size) for name in names]


def withdraw_manifest(path: Path) -> Path | None:
    """Rename a manifest that names a file that is not there: what is left is not the result that it describes.

    Returns the first such file; None where all are there, or there is no manifest. An unreadable manifest counts as
    such a file itself.
    """
    missing = _missing_file(path)
    if missing:
        path.replace(path.with_suffix(WITHDRAWN))
    return missing


def _missing_file(path: Path) -> Path | None:
    try:
        manifest = json.loads(path.read_text())
        files = [path.parent / file["path"] for kind in ("parts", "files") for file in manifest.get(kind, [])]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return path
    return next((file for file in files if not file.is_file()), None)


def changed_part(path: Path, manifest: dict[str, Any]) -> str | None:
    """How the parts of a dataset are not those that its manifest names; None where they are."""
    folder = path.with_suffix("")
    for part in manifest["parts"]:
        file = path.parent / part["path"]
        length = file.stat().st_size if file.is_file() else None
        if length != part["bytes"]:
            return f"{file} is missing" if length is None else f"{file} has {length} bytes instead of {part['bytes']}"
    expected = {path.parent / part["path"] for part in manifest["parts"]}
    strangers = sorted(set(folder.glob("*.parquet")) - expected) if folder.is_dir() else []
    return f"{strangers[0]} is no part of it" if strangers else None
