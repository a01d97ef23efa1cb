"""Features measured on the ground: tables of polygons and of lines, with shapes on the body."""

import geopandas
import numpy as np
import pandas as pd
import shapely

from orbitile.mapping.joining import Layer
from orbitile.shapes.ground import Lattice, areas_m2, azimuths_deg, lengths_m, widths_m
from orbitile.shapes.on_body import lines_on_body, polygons_on_body
from orbitile.space.bodies import Body
from orbitile.tables.features import LINES, POLYGONS


def measured(layer: Layer, body: Body) -> tuple[geopandas.GeoDataFrame, geopandas.GeoDataFrame]:
    """A layer's polygons and lines (see orbitile.tables.features), `feature` counted from 0 within the layer."""
    lattice = Lattice.of(layer.grid, body.radius_m)
    lines = _lines(layer, lattice, body)
    return _polygons(layer, lattice, lines, body), lines


def _lines(layer: Layer, lattice: Lattice, body: Body) -> geopandas.GeoDataFrame:
    placed = lattice.placed(layer.lines)
    width, largest = widths_m(layer.lines, lattice)
    middle = shapely.get_coordinates(shapely.line_interpolate_point(layer.lines, 0.5, normalized=True))
    lon, lat = lattice.lonlat(*middle.T)
    table = pd.DataFrame(
        {"feature": layer.polygon_of, "class": layer.name, "scale_m": layer.scale_m}
        | dict(scene=layer.about["scene"].to_numpy()[layer.polygon_of], length_m=lengths_m(placed, body.radius_m))
        | dict(width_m=width, width_max_m=largest, azimuth_deg=azimuths_deg(placed), lon=lon, lat=lat)
    )
    return geopandas.GeoDataFrame(table[LINES], geometry=lines_on_body(placed), crs=body.crs)


def _polygons(layer: Layer, lattice: Lattice, lines: pd.DataFrame, body: Body) -> geopandas.GeoDataFrame:
    placed = lattice.placed(layer.polygons)
    lon, lat = lattice.lonlat(*shapely.get_coordinates(shapely.point_on_surface(layer.polygons)).T)
    pixels, summed = (layer.about[name].to_numpy(float) for name in ("pixels", "probability"))
    of_polygon = _along(lines, len(layer.polygons))
    table = pd.DataFrame(
        {"feature": np.arange(len(placed)), "class": layer.name, "scale_m": layer.scale_m}
        | dict(scene=layer.about["scene"], scenes=layer.about["scenes"], area_m2=areas_m2(placed, body.radius_m))
        | dict(probability=summed / pixels / 255, lon=lon, lat=lat)
        | of_polygon
    )
    return geopandas.GeoDataFrame(table[POLYGONS], geometry=polygons_on_body(placed), crs=body.crs)


def _along(lines: pd.DataFrame, count: int) -> dict[str, np.ndarray]:
    """Length, widths and direction of each polygon from its lines; NaN where it has none."""
    owner, length = lines["feature"].to_numpy(int), lines["length_m"].to_numpy()
    total = np.bincount(owner, length, count)
    doubled = np.radians(2 * np.nan_to_num(lines["azimuth_deg"].to_numpy()))
    east, north = (np.bincount(owner, length * part, count) for part in (np.sin(doubled), np.cos(doubled)))
    largest = np.full(count, np.nan)
    np.fmax.at(largest, owner, lines["width_max_m"].to_numpy())
    known = total > 0
    width = np.bincount(owner, length * np.nan_to_num(lines["width_m"].to_numpy()), count) / np.where(known, total, 1)
    return dict(
        length_m=total, width_m=np.where(known, width, np.nan), width_max_m=largest,
        azimuth_deg=np.where(known, np.degrees(np.arctan2(east, north)) / 2 % 180, np.nan),
    )  # fmt: skip
