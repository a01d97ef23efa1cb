"""Where scenes were not searched, because all or tiles of them failed at a scale and were left out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import shapely

from orbitile.space.grids import Window
from orbitile.tables.enlarged_rasters import SearchedRaster
from orbitile.tables.rasters import RasterRow
from orbitile.tables.tile_areas import parse_tile_area

FAR_PX = 1_000_000
"""So far a window that failed reaches on the map where its raster ends: pixels of coarser scales lie beyond that."""


class FailedWindow(NamedTuple):
    """A window of a raster, as it was searched, in which tiles failed; all of the raster where it failed as such."""

    raster: RasterRow
    window: Window

    @property
    def box(self) -> shapely.Polygon:
        """In columns and rows of the raster."""
        return shapely.box(*self.window.edges)

    @property
    def on_map(self) -> shapely.Polygon:
        """In the coordinates of the raster's map, with all beyond where the raster ends."""
        left, top, right, bottom = self.window.edges
        box = shapely.box(
            left if left > 0 else -FAR_PX, top if top > 0 else -FAR_PX,
            right if right < self.raster.width else FAR_PX, bottom if bottom < self.raster.height else FAR_PX,
        )  # fmt: skip
        return _on_map(box, self.raster)


RastersByPart = Mapping[tuple[str, str], RasterRow]
"""Rasters, as they were searched, by their scene and the detail of an exclusion of all of their pixels."""


def rasters_by_part(rasters: Iterable[SearchedRaster]) -> RastersByPart:
    """The rasters that exclusions may be of: of a scene without a scale any of them, for they cover the same ground."""
    return {
        (raster.stored.scene, detail): raster.row for raster in rasters for detail in ("", f"{raster.scale_m:g} m/px")
    }


def failed_window(piece: Mapping[str, str], rasters: RastersByPart) -> FailedWindow | None:
    """Where a piece lies that was left out (scene, detail): tiles, or all of a raster; None if it is of none of them.

    Of tiles it is the window around them, although neighbours searched the edge of it that they overlap.
    """
    area = parse_tile_area(piece["detail"])
    raster = rasters.get((piece["scene"], f"{area.scale_m} m/px" if area else piece["detail"]))
    if raster is None:
        return None
    entire = raster.grid.window
    window = entire.intersection(area.window) if area else entire
    return FailedWindow(raster, window) if window else None


def raster_on_map(raster: RasterRow) -> shapely.Polygon:
    """The outline of a raster in the coordinates of its map."""
    return _on_map(shapely.box(0, 0, raster.width, raster.height), raster)


def failed_on_maps(
    failed: Iterable[Mapping[str, str]], rasters: Iterable[SearchedRaster]
) -> dict[str, shapely.Geometry]:
    """Where scenes failed at any of the rasters' scales, in the coordinates of each scene's map; by scene.

    `failed` are the exclusions of a run (see orbitile.jobs.exclusions). The ground that is left was searched in any
    case; of what is here the edge may have been, by tiles that overlap those that failed.
    """
    shapes = defaultdict(list)
    for (scene, _), shape in failed_by_scale(failed, rasters).items():
        shapes[scene].append(shape)
    return {scene: shapely.union_all(parts) for scene, parts in shapes.items()}


def failed_by_scale(
    failed: Iterable[Mapping[str, str]], rasters: Iterable[SearchedRaster]
) -> dict[tuple[str, float], shapely.Geometry]:
    """As `failed_on_maps`, by scene and scale in m/px; a scene without a scale counts as one of its rasters."""
    by_part, boxes = rasters_by_part(rasters), defaultdict(list)
    for piece in failed:
        if part := failed_window(piece, by_part):
            boxes[piece["scene"], part.raster.scale_m].append(part.on_map)
    return {scene_scale: shapely.union_all(shapes) for scene_scale, shapes in boxes.items()}


def _on_map(shape: shapely.Polygon, raster: RasterRow) -> shapely.Polygon:
    """A shape in columns and rows of a raster in the coordinates of its map."""
    return shapely.transform(shape, lambda points: np.column_stack(raster.grid.to_map(*points.T)))
