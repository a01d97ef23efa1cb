"""Footprints of what was searched: where scenes hold data, as polygons on the body with their areas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import geopandas
import numpy as np
import pyarrow as pa
import shapely

from orbitile.features.shapes.ground import LONGEST_EDGE_PX
from orbitile.features.shapes.lonlat_shapes import (
    area_on_sphere_km2,
    only_polygons,
    polygons_in_degrees,
    polygons_of_map,
)
from orbitile.features.shapes.polygons import PieceLayers, mask_polygons
from orbitile.rasters.read import opened_raster
from orbitile.space.bodies import Body
from orbitile.space.ground import Ground
from orbitile.tables.failed_windows import raster_on_map
from orbitile.tables.rasters import RasterRow

FOOTPRINTS = pa.schema(
    [
        pa.field("scene", pa.string(), metadata={"about": "id from the scene table"}),
        pa.field("area_km2", pa.float64(), metadata={"unit": "km2", "about": "on the sphere"}),
        pa.field(
            "complete_50_km", pa.float64(),
            metadata={"unit": "km", "about": "diameter from which on half of the true craters are in the catalogue"},
        ),
        pa.field(
            "complete_90_km", pa.float64(),
            metadata={"unit": "km", "about": "likewise of nine tenths; empty where it is not known"},
        ),
        pa.field("unlike", pa.string(), metadata={"about": "what makes it unlike the scenes that this is known from"}),
        pa.field("geometry", pa.binary(), metadata={"about": "valid pixels as polygons, degrees on the body"}),
    ]
)  # fmt: skip
"""The columns of the layer of what was searched (see orbitile.stages.completeness)."""
NONE_FAILED: Mapping[str, shapely.Geometry] = MappingProxyType({})
MOST_CELLS = 512
"""Along the longer side of a scene: borders of its data are no finer than that."""
SIMPLIFIED_CELLS = 1.0
"""By which borders are moved at most to have fewer vertices."""


def searched_footprints(
    scenes: Sequence[RasterRow], body: Body, failed: Mapping[str, shapely.Geometry] = NONE_FAILED
) -> geopandas.GeoDataFrame:
    """The footprint of each scene that holds data (scene, area_km2, geometry in degrees), sorted by scene.

    Only pixels that are valid in all bands are in it, without where scenes `failed` (shapes on their maps, by name).
    Borders are those of cells of at least a pixel, of which the longer side of a scene has MOST_CELLS at most.
    """
    footprints = [_Footprint(scene, failed.get(scene.scene)) for scene in sorted(scenes, key=lambda scene: scene.scene)]
    footprints = [footprint for footprint in footprints if not shapely.is_empty(footprint.on_map)]
    areas_km2 = [area_on_sphere_km2(footprint.shape(body.radius_m), body.radius_m) for footprint in footprints]
    return geopandas.GeoDataFrame(
        dict(scene=[footprint.scene.scene for footprint in footprints], area_km2=np.array(areas_km2, float)),
        geometry=[footprint.outline(body.radius_m) for footprint in footprints], crs=body.crs,
    )  # fmt: skip


def searched_shape(scene: RasterRow, failed: shapely.Geometry | None, radius_m: float) -> shapely.Geometry:
    """Where a scene holds data and did not fail (a shape on its map), in degrees, as exact as areas need it."""
    return _Footprint(scene, failed).shape(radius_m)


def united_area_km2(footprints: geopandas.GeoDataFrame, body: Body) -> float:
    """The area on the sphere that footprints cover together, where several overlap only once."""
    if not len(footprints):
        return 0.0
    return area_on_sphere_km2(shapely.union_all(footprints.geometry.to_numpy()), body.radius_m)


@dataclass(frozen=True)
class _Footprint:
    """Where a scene holds data and did not fail; a scene that failed everywhere is not read."""

    scene: RasterRow
    failed: shapely.Geometry | None

    def outline(self, radius_m: float) -> shapely.Geometry:
        """In longitude and latitude, with few vertices."""
        scene = self.scene
        cell = abs(scene.grid.transform.a) * scene.width / self._valid_cells.shape[1]
        on_map = np.array([shapely.segmentize(self.on_map, LONGEST_EDGE_PX * cell)], object)
        return polygons_of_map(on_map, Ground(scene.crs_wkt, radius_m))[0]

    def shape(self, radius_m: float) -> shapely.Geometry:
        """In longitude and latitude."""
        return polygons_in_degrees(np.array([self.on_map], object), Ground(self.scene.crs_wkt, radius_m))[0]

    @cached_property
    def on_map(self) -> shapely.Geometry:
        """In the coordinates of the scene's map."""
        if self.failed is not None and shapely.covers(self.failed, raster_on_map(self.scene)):
            return shapely.MultiPolygon()
        scene = self.scene
        size = np.array([scene.width, scene.height]) / self._valid_cells.shape[::-1]
        shape = shapely.transform(self._cells, lambda points: np.column_stack(scene.grid.to_map(*(points * size).T)))
        return shape if self.failed is None else only_polygons(shapely.difference(shape, self.failed))

    @property
    def _cells(self) -> shapely.Geometry:
        """In cells."""
        polygons = mask_polygons(PieceLayers(self._valid_cells), 0, 0).polygons
        merged = shapely.simplify(shapely.union_all(polygons), SIMPLIFIED_CELLS)
        parts = shapely.get_parts(merged)
        return shapely.MultiPolygon(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON].tolist())

    @cached_property
    def _valid_cells(self) -> np.ndarray:
        """Which cells (rows, columns; bool) hold data, by the pixel in the middle of each."""
        scene = self.scene
        shrink = max(1.0, max(scene.width, scene.height) / MOST_CELLS)
        shape = max(1, round(scene.height / shrink)), max(1, round(scene.width / shrink))
        with opened_raster(scene.path) as source:
            masks = source.read_masks(list(range(1, scene.bands + 1)), out_shape=(scene.bands, *shape))
        return (masks > 0).all(axis=0)
