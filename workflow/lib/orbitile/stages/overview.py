"""overview: one picture of a run, its scenes and its catalogue of craters."""

import numpy as np
from matplotlib.collections import LineCollection

from orbitile.pictures.scene_picture import Frame, RunPicture
from orbitile.space.ground import Ground, ground_ellipses
from orbitile.tables.craters import Craters, read_craters


def overview(craters: str, rasters: list[str], radius_m: float, out: str) -> None:
    """Draw all scenes at their coarsest scale on the first scene's map, and the craters over them, as a PNG."""
    picture, catalogue = RunPicture.of(rasters), read_craters(craters)
    rings = _rings(catalogue, picture.frame, radius_m)
    picture.axes.add_collection(LineCollection(rings, colors="#00e5ff", linewidths=0.6))
    picture.save(f"{len(catalogue)} craters in {picture.scenes} scenes", out)


def _rings(craters: Craters, frame: Frame, radius_m: float) -> list[np.ndarray]:
    """Outlines, each (n, 2: x, y), of craters on the frame's map."""
    if not len(craters):
        return []
    lon, lat = ground_ellipses(craters.lon, craters.lat, craters.diameter_m, craters.diameter_m, radius_m, vertices=48)
    middle = (frame.west + frame.east) / 2, (frame.south + frame.north) / 2
    rings = np.stack(Ground(frame.crs_wkt, radius_m).xy(lon, lat, *middle), axis=-1)
    return list(np.concatenate([rings, rings[:, :1]], axis=1))
