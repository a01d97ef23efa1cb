"""The pair of Shapefiles of CraterTools, OpenCraterTool and Craterstats: <name>_CRATER.shp and <name>_AREA.shp.

Craterstats computes diameters and areas anew from the rings, on the sphere of the coordinate system, and takes all
points of a record for a single ring; OpenCraterTool reads the attributes. Where the area or a crater reaches around a
pole the pair is a polar stereographic map, on which all rings are plain.
"""

import geopandas
import numpy as np
import shapely
from pyproj import CRS, Transformer

from orbitile.base.errors import OrbitileError
from orbitile.counting.area_count import AreaCount
from orbitile.counting.area_rings import NORTH, SOUTH, AreaRings, contains_pole, part_solid_angle, ring_points
from orbitile.counting.counting_sphere import CountingSphere
from orbitile.tables.vector_writers import VectorFile, VectorLayer, write_layer

RING_VERTICES = 120
"""Vertices of a crater's rim, 100 at least for the programs that measure it."""
CRATERS_PER_BATCH = 20_000
FARTHEST_FROM_POLE = 45.0
"""Degrees beyond the equator up to which an area is drawn on a map around a pole."""
LARGEST_RADIUS = np.pi / 2
"""Radians; larger circles are taken for their outsides."""


def write_shapefile_pair(count: AreaCount, rings: AreaRings, sphere: CountingSphere, stem: str) -> list[VectorFile]:
    """Write stem_CRATER.shp and stem_AREA.shp; OrbitileError for craters that reach around half of the body."""
    radius = count.diameter_km * 500 / sphere.radius_m
    if (radius >= LARGEST_RADIUS).any():
        raise OrbitileError(f"area {count.name!r}: a crater of {count.diameter_km.max():g} km is larger than half of "
                            f"{sphere.body.name}; leave it out")  # fmt: skip
    crs, to_map = _map_of(count, rings, sphere, radius)
    craters = (
        _craters(count, rows, radius, crs, to_map)
        for rows in np.array_split(count.largest_first, max(1, -(-len(count) // CRATERS_PER_BATCH)))
    )
    return [
        *write_layer(craters, VectorLayer(f"{stem}_CRATER", "Polygon", crs), ["shp"]),
        *write_layer([_area(count, rings, sphere, crs, to_map)], VectorLayer(f"{stem}_AREA", "Polygon", crs), ["shp"]),
    ]


def _map_of(
    count: AreaCount, rings: AreaRings, sphere: CountingSphere, radius: np.ndarray
) -> tuple[CRS, Transformer | None]:
    """The coordinate system of a pair, and how degrees come there; None: they stay degrees."""
    at_pole = contains_pole(count.lon, count.lat, radius)
    poles = {pole for pole, reached in ((NORTH, count.lat > 0), (SOUTH, count.lat <= 0)) if (at_pole & reached).any()}
    poles |= {rings.pole} - {0}
    lat = np.concatenate([ring[:, 1] for ring in rings.rings])
    if len(poles) != 1 or (lat * min(poles)).min() < -FARTHEST_FROM_POLE:
        return sphere.crs, None
    crs = sphere.polar_crs(poles.pop())
    return crs, Transformer.from_crs(sphere.crs, crs, always_xy=True)


def _craters(
    count: AreaCount, rows: np.ndarray, radius: np.ndarray, crs: CRS, to_map: Transformer | None
) -> geopandas.GeoDataFrame:
    points = ring_points(count.lon[rows], count.lat[rows], radius[rows], RING_VERTICES)
    if to_map:
        points = np.stack(to_map.transform(points[..., 0], points[..., 1]), axis=-1)
    columns = dict(Diam_km=count.diameter_km[rows], x_coord=count.lon[rows], y_coord=count.lat[rows])
    columns |= dict(tag=np.full(len(rows), "standard", object))
    return geopandas.GeoDataFrame(columns, geometry=shapely.polygons(points), crs=crs)


def _area(
    count: AreaCount, rings: AreaRings, sphere: CountingSphere, crs: CRS, to_map: Transformer | None
) -> geopandas.GeoDataFrame:
    polygons = [shapely.Polygon(*_on_map(part.outline, part.holes, to_map)) for part in rings.parts]
    sizes = [part_solid_angle(part) * (sphere.radius_m / 1000) ** 2 for part in rings.parts]
    columns = dict(area=sizes, area_name=[count.name] * len(polygons))
    return geopandas.GeoDataFrame(columns, geometry=polygons, crs=crs)


def _on_map(
    outline: np.ndarray, holes: list[np.ndarray], to_map: Transformer | None
) -> tuple[np.ndarray, list[np.ndarray]]:
    if to_map is None:
        return outline, holes
    moved = [np.column_stack(to_map.transform(*ring.T)) for ring in (outline, *holes)]
    return moved[0], moved[1:]
