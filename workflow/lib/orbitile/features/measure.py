"""Features measured on the ground: tables of polygons and of lines, with shapes in degrees on the body."""

import geopandas
import numpy as np
import pandas as pd
import shapely

from orbitile.features.join import FeatureLayer
from orbitile.features.shapes.ground import LONGEST_EDGE_PX, Lattice, areas_m2, azimuths_deg, lengths_m, widths_m
from orbitile.features.shapes.lonlat_shapes import closed_over_poles
from orbitile.features.shapes.on_body import lines_on_body
from orbitile.features.shapes.polygons import topmost_corners
from orbitile.space.bodies import Body
from orbitile.tables.features import LINES, POLYGONS, TIES


def measure_features(
    layer: FeatureLayer, body: Body, longest_edge_px: float = LONGEST_EDGE_PX
) -> tuple[geopandas.GeoDataFrame, geopandas.GeoDataFrame]:
    """A layer's polygons and lines with their measures (columns: see orbitile.tables.features), and with their TIES.

    `feature` counts from 0 within the layer. Edges of polygons longer than these are divided on the ground.
    """
    lattice = Lattice.of(layer.grid, body.radius_m)
    lines = _lines(layer, lattice, body)
    return _polygons(layer, lattice.to_map(layer.polygons, longest_edge_px), lines, body), lines


def _lines(layer: FeatureLayer, lattice: Lattice, body: Body) -> geopandas.GeoDataFrame:
    on_ground = lattice.to_lonlat(layer.lines)
    width, largest = widths_m(layer.lines, lattice)
    middle = shapely.get_coordinates(shapely.line_interpolate_point(layer.lines, 0.5, normalized=True))
    lon, lat = lattice.lonlat(*middle.T)
    table = pd.DataFrame(
        {"feature": layer.polygon_of_line, "class": layer.class_name, "scale_m": layer.scale_m}
        | dict(
            scene=layer.attributes["scene"].to_numpy()[layer.polygon_of_line],
            length_m=lengths_m(on_ground, body.radius_m),
        )
        | dict(width_m=width, width_max_m=largest, azimuth_deg=azimuths_deg(on_ground), lon=lon, lat=lat)
    )
    begins = shapely.get_coordinates(shapely.get_point(layer.lines, 0))
    table[TIES] = begins[:, ::-1]
    return geopandas.GeoDataFrame(table[[*LINES, *TIES]], geometry=lines_on_body(on_ground), crs=body.crs)


def _polygons(layer: FeatureLayer, on_map: np.ndarray, lines: pd.DataFrame, body: Body) -> geopandas.GeoDataFrame:
    lattice = Lattice.of(layer.grid, body.radius_m)
    on_ground = shapely.transform(on_map, lambda points: np.column_stack(lattice.ground.lonlat(*points.T)))
    lon, lat = lattice.lonlat(*shapely.get_coordinates(shapely.point_on_surface(layer.polygons)).T)
    pixels, summed = (layer.attributes[name].to_numpy(float) for name in ("pixels", "probability"))
    line_measures = _line_measures(lines, len(layer.polygons))
    table = pd.DataFrame(
        {"feature": np.arange(len(on_ground)), "class": layer.class_name, "scale_m": layer.scale_m}
        | dict(
            scene=layer.attributes["scene"],
            scenes=layer.attributes["scenes"],
            area_m2=areas_m2(on_ground, body.radius_m),
        )
        | dict(probability=summed / pixels / 255, lon=lon, lat=lat)
        | line_measures
    )
    table[TIES] = topmost_corners(layer.polygons)
    geometry = closed_over_poles(on_ground, on_map, lattice.ground)
    return geopandas.GeoDataFrame(table[[*POLYGONS, *TIES]], geometry=geometry, crs=body.crs)


def _line_measures(lines: pd.DataFrame, count: int) -> dict[str, np.ndarray]:
    """Length, widths and direction of each polygon from its lines; widths and direction are NaN without lines."""
    polygon, length = lines["feature"].to_numpy(int), lines["length_m"].to_numpy()
    total = np.bincount(polygon, length, count)
    doubled = np.radians(2 * np.nan_to_num(lines["azimuth_deg"].to_numpy()))
    east, north = (np.bincount(polygon, length * part, count) for part in (np.sin(doubled), np.cos(doubled)))
    largest = np.full(count, np.nan)
    np.fmax.at(largest, polygon, lines["width_max_m"].to_numpy())
    has_lines = total > 0
    width = np.bincount(polygon, length * np.nan_to_num(lines["width_m"].to_numpy()), count) / np.where(
        has_lines, total, 1
    )
    return dict(
        length_m=total, width_m=np.where(has_lines, width, np.nan), width_max_m=largest,
        azimuth_deg=np.where(has_lines, np.degrees(np.arctan2(east, north)) / 2 % 180, np.nan),
    )  # fmt: skip
