"""The rows of a dataset in files that stand alone beside it: a file for each format, or several where rows are many."""

import logging
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import geopandas
import pyarrow as pa

from orbitile.base.companions import remove_companions
from orbitile.base.manifests import read_manifest
from orbitile.tables.vector_parts import PART_FORMATS, write_parts
from orbitile.tables.vector_writers import SHAPEFILE_PARTS, VectorFile, VectorLayer
from orbitile.tables.vectors import write_vectors

log = logging.getLogger(__name__)

FILES = "_files"
"""What the name of a folder with several files ends with."""
SUFFIXES = (".gpkg", ".parquet", ".shp.names.csv", *SHAPEFILE_PARTS)


def write_single_files(
    frames: Iterable[geopandas.GeoDataFrame], layer: VectorLayer, formats: Sequence[str]
) -> list[dict]:
    """Write frames, at least one, to a file for each format; described for a manifest."""
    if not formats:
        return []
    return _described(write_vectors(frames, layer.stem, layer.metadata, layer.kind, formats, layer.styles), layer)


def write_several_files(
    batches: Iterable[pa.RecordBatch], layer: VectorLayer, formats: Sequence[str], rows_per_file: int
) -> list[dict]:
    """Write batches of a dataset to files in the folder stem_files; described likewise."""
    folder, in_parts = Path(f"{layer.stem}{FILES}"), [suffix for suffix in formats if suffix in PART_FORMATS]
    if not in_parts:
        return []
    log.warning("more than %d rows: they are in several files, in %s", rows_per_file, folder)
    in_folder = replace(layer, stem=Path(layer.stem).name)
    return _described(write_parts(batches, folder, in_folder, rows_per_file, in_parts), layer)


def best_standalone_file(manifest: Path, stem: str, suffixes: Sequence[str]) -> Path | None:
    """The file of a stem with the first of the suffixes that a manifest names any file of; None without.

    Of several files (see `write_several_files`) it is their view as one (.vrt).
    """
    paths = [manifest.parent / file["path"] for file in read_manifest(manifest)["files"]]
    single = [path for path in paths if path.stem == stem and path.suffix in suffixes]
    views = [path for path in paths if path.parent.name == f"{stem}{FILES}" and path.suffix == ".vrt"]
    named = [*single, *(view for view in views if view.suffix in suffixes)]
    return min(named, key=lambda path: suffixes.index(path.suffix), default=None)


def remove_standalone_files(stem: str) -> None:
    """Remove the files beside a dataset and what else belongs to them; styles stay.

    That is what other programs left there, and what a job that was killed has not finished.
    """
    shutil.rmtree(f"{stem}{FILES}", ignore_errors=True)
    for path in (Path(f"{stem}{suffix}") for suffix in SUFFIXES):
        if path.is_file():
            remove_companions(path)
            path.unlink()
    folder, name = Path(stem).parent, Path(stem).name
    for remains in (*folder.glob(f".{name}.*"), *folder.glob(f".{name}{FILES}.*"), *folder.glob(".shapefile-*")):
        shutil.rmtree(remains, ignore_errors=True) if remains.is_dir() else remains.unlink()


def _described(files: Sequence[VectorFile], layer: VectorLayer) -> list[dict]:
    folder = Path(layer.stem).parent
    return [dict(path=str(file.path.relative_to(folder)), rows=file.rows, bytes=file.bytes) for file in files]
