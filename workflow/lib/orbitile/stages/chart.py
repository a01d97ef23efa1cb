"""chart: one picture of a whole run, its scenes and its map of polygons and lines."""

import geopandas
import numpy as np
from matplotlib.collections import LineCollection

from orbitile.rasters.picture import Picture
from orbitile.shapes.on_body import outlines
from orbitile.space.ground import Ground

COLOURS = dict(polygons="#00e5ff", lines="#39ff14")


def chart(polygons: str, lines: str, rasters: list[str], radius_m: float, out: str) -> None:
    """Draw all scenes at their coarsest scale on the first scene's map, polygons and centre lines over them."""
    picture = Picture.of(rasters)
    frame = picture.frame
    middle = (frame.west + frame.east) / 2, (frame.south + frame.north) / 2
    counts = []
    for kind, path in (("polygons", polygons), ("lines", lines)):
        table = geopandas.read_parquet(path)
        points, starts = outlines(table.geometry.to_numpy())
        places = np.column_stack(Ground(frame.crs_wkt, radius_m).xy(*points.T, *middle))
        drawn = np.split(places, starts[1:]) if len(starts) else []
        picture.axes.add_collection(LineCollection(drawn, colors=COLOURS[kind], linewidths=0.5))
        counts.append(f"{len(table):,} {kind}")
    picture.save(f"{' and '.join(counts)} in {picture.scenes} scenes", out)
