"""Footprints of what was searched: where scenes hold data, as polygons on the body with their areas."""

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas
import numpy as np
import pyarrow as pa
import shapely

from orbitile.features.shapes.ground import LONGEST_EDGE_PX, areas_m2
from orbitile.features.shapes.on_body import polygons_on_body
from orbitile.features.shapes.polygons import PieceLayers, mask_polygons
from orbitile.rasters.read import opened_raster
from orbitile.space.bodies import Body
from orbitile.space.ground import Ground
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
MOST_CELLS = 512
"""Along the longer side of a scene: borders of its data are no finer than that."""
SIMPLIFIED_CELLS = 1.0
"""By which borders are moved at most to have fewer vertices."""


def searched_footprints(scenes: Sequence[RasterRow], body: Body) -> geopandas.GeoDataFrame:
    """The footprint of each scene that holds data (scene, area_km2, geometry in degrees), sorted by scene.

    Only pixels that are valid in all bands are in it; borders are those of cells of at least a pixel, of which the
    longer side of a scene has MOST_CELLS at most.
    """
    footprints = [_Footprint(scene, body.radius_m) for scene in sorted(scenes, key=lambda scene: scene.scene)]
    shapes = {footprint.scene.scene: footprint.shape() for footprint in footprints}
    shapes = {scene: shape for scene, shape in shapes.items() if not shapely.is_empty(shape)}
    on_ground = np.array(list(shapes.values()), object)
    return geopandas.GeoDataFrame(
        dict(scene=list(shapes), area_km2=areas_m2(on_ground, body.radius_m) / 1e6),
        geometry=polygons_on_body(on_ground), crs=body.crs,
    )  # fmt: skip


def map_footprint(scene: RasterRow) -> shapely.Geometry:
    """Where a scene holds data, in the coordinates of its map, as `searched_footprints` has it in degrees."""
    footprint = _Footprint(scene, 1.0)
    return shapely.transform(footprint.pixels(), lambda points: np.column_stack(scene.grid.to_map(*points.T)))


def united_area_km2(footprints: geopandas.GeoDataFrame, body: Body) -> float:
    """The area on the sphere that footprints cover together, where several overlap only once."""
    if not len(footprints):
        return 0.0
    parts = shapely.get_parts(shapely.union_all(footprints.geometry.to_numpy()))
    return float(areas_m2(parts, body.radius_m).sum() / 1e6)


@dataclass(frozen=True)
class _Footprint:
    scene: RasterRow
    radius_m: float

    def shape(self) -> shapely.Geometry:
        """In longitude and latitude; it jumps by 360 degrees where it crosses the antimeridian."""
        cells, size = self._cells()
        return shapely.transform(shapely.segmentize(cells, LONGEST_EDGE_PX), lambda points: self._lonlat(points * size))

    def pixels(self) -> shapely.Geometry:
        """In columns and rows of the scene."""
        cells, size = self._cells()
        return shapely.transform(cells, lambda points: points * size)

    def _cells(self) -> tuple[shapely.Geometry, np.ndarray]:
        """In cells, and the pixels (2: columns, rows) of a cell."""
        valid = self._valid_cells()
        polygons = mask_polygons(PieceLayers(valid), 0, 0).polygons
        merged = shapely.simplify(shapely.union_all(polygons), SIMPLIFIED_CELLS)
        parts = shapely.get_parts(merged)
        cells = shapely.MultiPolygon(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON].tolist())
        return cells, np.array([self.scene.width, self.scene.height]) / valid.shape[::-1]

    def _valid_cells(self) -> np.ndarray:
        """Which cells (rows, columns; bool) hold data, by the pixel in the middle of each."""
        scene = self.scene
        shrink = max(1.0, max(scene.width, scene.height) / MOST_CELLS)
        shape = max(1, round(scene.height / shrink)), max(1, round(scene.width / shrink))
        with opened_raster(scene.path) as source:
            masks = source.read_masks(list(range(1, scene.bands + 1)), out_shape=(scene.bands, *shape))
        return (masks > 0).all(axis=0)

    def _lonlat(self, points: np.ndarray) -> np.ndarray:
        ground = Ground(self.scene.crs_wkt, self.radius_m)
        return np.column_stack(ground.lonlat(*self.scene.grid.to_map(*points.T)))
