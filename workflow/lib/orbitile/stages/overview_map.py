"""overview_map: one picture of a run, its scenes and its map of polygons and lines."""

import numpy as np
from matplotlib.collections import LineCollection

from orbitile.features.shapes.on_body import drawing_points
from orbitile.pictures.scene_picture import RunPicture
from orbitile.space.ground import Ground
from orbitile.tables.vectors import read_geoparquet

COLOURS = dict(polygons="#00e5ff", lines="#39ff14")


def overview_map(polygons: str, lines: str, rasters: list[str], radius_m: float, out: str) -> None:
    """Draw all scenes at their coarsest scale on the first scene's map, with polygons and centre lines, as a PNG."""
    picture = RunPicture.of(rasters)
    frame = picture.frame
    middle = (frame.west + frame.east) / 2, (frame.south + frame.north) / 2
    counts = []
    for kind, path in (("polygons", polygons), ("lines", lines)):
        table = read_geoparquet(path)
        points, starts = drawing_points(table.geometry.to_numpy())
        lon, lat = points.T
        vertices = np.column_stack(Ground(frame.crs_wkt, radius_m).xy(lon, lat, *middle))
        outlines = np.split(vertices, starts[1:]) if len(starts) else []
        picture.axes.add_collection(LineCollection(outlines, colors=COLOURS[kind], linewidths=0.5))
        counts.append(f"{len(table):,} {kind}")
    picture.save(f"{' and '.join(counts)} in {picture.scenes} scenes", out)
