"""The polygons and lines of a map as the page reads them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from orbitile.features.shapes.on_body import drawing_points
from orbitile.space.ground import wrap_longitude
from orbitile.tables.feature_parts import read_part_rows
from orbitile.web.blocks import blocks_by_size, rounded_reaches
from orbitile.web.data_scripts import write_data_script

BLOCK_FEATURES = 256
STEPS_PER_DEGREE = 1e6
SHOWN = dict(
    polygons=("id", "class", "scene", "scale_m", "area_m2", "length_m", "width_m", "probability"),
    lines=("id", "class", "scene", "scale_m", "length_m", "width_m", "azimuth_deg"),
)
"""What the page tells of a feature."""
DIGITS = 6


def write_feature_blocks(manifest: Path, metadata: Mapping, kind: str, folder: Path) -> dict[str, Any]:
    """Write polygons or lines of a map as data scripts kind/level-column-row; returns what the page knows of them.

    These are the kind, how many there are, the classes with their counts, and how many features each block has.
    """
    parts = [manifest.parent / part["path"] for part in metadata["parts"] if part.get("kind") == kind]
    tables = [table for path in parts for table in read_part_rows(path, [*SHOWN[kind], "geometry"])]
    if not tables or not sum(map(len, tables)):
        return dict(kind=kind, rows=0, classes=[], class_counts=[], blocks={}, reaches={})
    rows = pa.concat_tables(tables, promote_options="permissive")
    shapes = shapely.from_wkb(rows["geometry"].to_numpy(zero_copy_only=False))
    (lon, lat), (width, height) = _extents(shapes)
    blocks, reaches = {}, {}
    for block in blocks_by_size(lon, lat, np.hypot(width, height), BLOCK_FEATURES):
        members = rows.select(list(SHOWN[kind])).take(pa.array(block.rows)).to_pylist()
        features = [
            dict(about=_plain(m), parts=_steps(shapes[i])) for m, i in zip(members, block.rows.tolist(), strict=True)
        ]
        write_data_script(folder, f"{kind}/{block.name}", dict(features=features, deeper=sum(block.deeper.tolist())))
        blocks[block.name] = len(features)
        reaches[block.name] = float(width[block.rows].max() / 2), float(height[block.rows].max() / 2)
    names, counts = np.unique(np.array(rows["class"].to_pylist(), object).astype(str), return_counts=True)
    return dict(kind=kind, rows=len(rows), classes=names.tolist(), class_counts=counts.tolist(), blocks=blocks,
                reaches=rounded_reaches(reaches))  # fmt: skip


def _extents(shapes: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Middles (lon and lat, n each) and sizes (degrees, n each) of shapes, which may be cut at 180 degrees."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    west, south, east, north = shapely.bounds(parts).T
    first = np.searchsorted(owner, np.arange(len(shapes)))
    is_cut = (np.minimum.reduceat(west, first) <= -180) & (np.maximum.reduceat(east, first) >= 180)
    turn = np.where(is_cut[owner] & (east < 0), 360, 0)
    low, high = np.minimum.reduceat(west + turn, first), np.maximum.reduceat(east + turn, first)
    bottom, top = np.minimum.reduceat(south, first), np.maximum.reduceat(north, first)
    return (wrap_longitude((low + high) / 2), (bottom + top) / 2), (high - low, top - bottom)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of few digits; what is not a number is left out."""
    numbers = {name: _short(value) if isinstance(value, float) else value for name, value in values.items()}
    return {name: value for name, value in numbers.items() if value is not None}


def _short(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None


def _steps(shape: shapely.Geometry) -> list[list[int]]:
    """The rings or lines of a shape: longitude and latitude in steps, the first ones, then the differences."""
    points, first = drawing_points(np.array([shape], object))
    steps = np.round(points * STEPS_PER_DEGREE).astype(np.int64)
    parts: Sequence[np.ndarray] = np.split(steps, first[1:])
    return [np.diff(part, axis=0, prepend=np.zeros((1, 2), np.int64)).ravel().tolist() for part in parts]
