"""overview_map: one picture of a run, its scenes and its map of polygons and lines."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import shapely
from matplotlib.collections import LineCollection

from orbitile.base.manifests import read_manifest
from orbitile.features.shapes.on_body import drawing_points
from orbitile.pictures.scene_picture import Frame, RunPicture
from orbitile.space.ground import Ground, unit_vectors
from orbitile.tables.feature_parts import read_features

COLOURS = dict(polygons="#00e5ff", lines="#39ff14")
MEASURES = dict(polygons="area_m2", lines="length_m")
MOST_OUTLINES = 200_000
"""More polygons and lines than these would be a blot: the picture shows instead how dense lines are, or polygons."""
CELL_PX = 4
"""Side of the picture's cells in which lines or polygons are summed up."""


def overview_map(manifest: str, rasters: list[str], radius_m: float, out: str) -> None:
    """Draw all scenes at their coarsest scale on the first scene's map, with polygons and centre lines, as a PNG.

    `manifest` is the map's, which is read part by part. Very many polygons and lines are drawn as their density.
    """
    picture = RunPicture.of(rasters)
    proof = read_manifest(Path(manifest))
    heading = f"{proof['rows']:,} polygons and {proof['lines']:,} lines in {picture.scenes} scenes"
    if proof["rows"] + proof["lines"] > MOST_OUTLINES:
        heading += f"; {_draw_density(picture, manifest, 'lines' if proof['lines'] else 'polygons', radius_m)}"
    else:
        _draw_outlines(picture, manifest, radius_m)
    picture.save(heading, out)


def _draw_outlines(picture: RunPicture, manifest: str, radius_m: float) -> None:
    for kind, colour in COLOURS.items():
        for table in read_features(manifest, kind, ["geometry"]):
            points, starts = drawing_points(shapely.from_wkb(table["geometry"].to_numpy()))
            lon, lat = points.T
            vertices = np.column_stack(_on_picture(picture.frame, lon, lat, radius_m))
            outlines = np.split(vertices, starts[1:]) if len(starts) else []
            picture.axes.add_collection(LineCollection(outlines, colors=colour, linewidths=0.5))


def _on_picture(frame: Frame, lon: np.ndarray, lat: np.ndarray, radius_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of places on the frame's map, on its side of 180 E."""
    middle = (frame.west + frame.east) / 2, (frame.south + frame.north) / 2
    return Ground(frame.crs_wkt, radius_m).xy(lon, lat, *middle)


def _draw_density(picture: RunPicture, manifest: str, kind: str, radius_m: float) -> str:
    """Lay the lengths of lines, or the areas of polygons, per area over the picture; returns what it shows."""
    frame = picture.frame
    edges = _edges(frame.west, frame.east, frame), _edges(frame.south, frame.north, frame)
    sums = np.zeros([len(along) - 1 for along in edges])
    for x, y, values in _places(manifest, kind, frame, radius_m):
        sums += np.histogram2d(x, y, edges, None, False, values)[0]
    share = sums / _areas_m2(*edges, frame, radius_m)  # m/m2 of lines, m2/m2 of polygons
    densest, unit = (float(np.nanmax(share)) * 1000, "km/km2") if kind == "lines" else (float(np.nanmax(share)), "")
    shown = np.ma.masked_where(~(share > 0), np.sqrt(share))
    picture.axes.imshow(shown.T, extent=(frame.west, frame.east, frame.south, frame.north), origin="lower",
                        cmap="viridis", alpha=0.8, vmin=0, interpolation="nearest")  # fmt: skip
    return f"colours: density of {kind}, up to {densest:.3g} {unit}".rstrip()


def _edges(first: float, last: float, frame: Frame) -> np.ndarray:
    """The edges of the cells along an axis, in map units."""
    return np.linspace(first, last, max(1, round((last - first) * frame.px_per_unit / CELL_PX)) + 1)


def _places(
    manifest: str, kind: str, frame: Frame, radius_m: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Where features lie on the frame's map (x, y), and their lengths or areas."""
    measure = MEASURES[kind]
    for table in read_features(manifest, kind, ["lon", "lat", measure]):
        lon, lat, values = (table[name].to_numpy() for name in ("lon", "lat", measure))
        yield *_on_picture(frame, lon, lat, radius_m), values


def _areas_m2(x: np.ndarray, y: np.ndarray, frame: Frame, radius_m: float) -> np.ndarray:
    """The areas on the ground of cells (columns, rows) between edges on the frame's map."""
    ground = Ground(frame.crs_wkt, radius_m)
    corners = unit_vectors(*ground.lonlat(*np.meshgrid(x, y, indexing="ij"))) * radius_m
    diagonals = corners[1:, 1:] - corners[:-1, :-1], corners[:-1, 1:] - corners[1:, :-1]
    return np.linalg.norm(np.cross(*diagonals), axis=-1) / 2
