"""The layers of a run for a project: scenes, what was left out of them, rasters, catalogue, footprints, map."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import geopandas
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Transformer

from orbitile.base.manifests import read_manifest
from orbitile.features.shapes.ground import LONGEST_EDGE_PX
from orbitile.features.shapes.on_body import ring_polygon
from orbitile.gis.judging_form import judging_form, verdict_renderer
from orbitile.gis.layer_styles import (
    class_renderer,
    diameter_renderer,
    footprint_renderer,
    group_renderer,
    left_out_renderer,
    score_renderer,
)
from orbitile.gis.project import LayerGroup, ProjectLayer, ShownBand
from orbitile.pictures.class_colours import class_colours
from orbitile.rasters.read import opened_raster
from orbitile.space.bodies import Body
from orbitile.space.ground import Ground
from orbitile.tables.crater_parts import diameter_range
from orbitile.tables.enlarged_rasters import NOT_ENLARGED, rasters_at_all_scales
from orbitile.tables.failed_windows import RastersByPart, failed_window, rasters_by_part
from orbitile.tables.plan import read_columns, read_outlines
from orbitile.tables.rasters import RasterRow
from orbitile.tables.standalone_files import best_standalone_file
from orbitile.tables.tile_areas import parse_tile_area

MOST_RASTERS = 300
"""Layers of scenes: with more, a project takes minutes to open, and only the coarsest rasters are in it."""
READABLE = (".gpkg", ".shp", ".vrt")
"""Vector files that every QGIS reads, the best first."""
POLAR_LATITUDE = 60.0


def scene_outlines(
    plan: Path, exclusions: Sequence[Mapping[str, str]], rows: Sequence[RasterRow], body: Body,
    enlarged: Mapping[float, int] = NOT_ENLARGED,
) -> geopandas.GeoDataFrame:  # fmt: skip
    """The scenes of a plan (scene, group, georef_method, gsd_m, left_out: why, if it was) as polygons in degrees.

    Tiles that were left out are rows of their own, with the name of the `part`; `rows` are the scenes' rasters,
    `enlarged` the factors of scales that were searched in enlarged pixels.
    """
    names = ["scene", "group", "georef_method", "gsd_m"]
    columns = read_columns(plan, names)
    outlines = [ring_polygon(np.asarray(lon), np.asarray(lat)) for _, (lon, lat) in read_outlines(plan)]
    ground = LeftOutGround.of(exclusions, rows, body, enlarged)
    left_out = [ground.scenes.get(scene) for scene in columns["scene"]]
    scenes = geopandas.GeoDataFrame({**columns, "left_out": left_out, "part": None}, geometry=outlines, crs=body.crs)
    frame = pd.concat([scenes, *_part_rows(columns, ground.tiles, body)])
    return frame.astype(dict(left_out=object, part=object)).sort_values(["scene", "part"], ignore_index=True)


class FailedTiles(NamedTuple):
    """Tiles of a scene that were left out: which, why, and where they lie, in degrees."""

    scene: str
    part: str
    why: str
    shape: shapely.Geometry


class LeftOutGround(NamedTuple):
    """Why scenes, by name, were left out (the first of several reasons), and the tiles that were."""

    scenes: dict[str, str]
    tiles: list[FailedTiles]

    @classmethod
    def of(
        cls, exclusions: Sequence[Mapping[str, str]], rows: Sequence[RasterRow], body: Body,
        enlarged: Mapping[float, int] = NOT_ENLARGED,
    ) -> "LeftOutGround":  # fmt: skip
        """That of the exclusions of a manifest, with the rasters of the scenes.

        Tiles of a scale that has no raster, and other parts without a place, count as their scene. `enlarged` holds
        the factors of scales that were searched in enlarged pixels.
        """
        rasters = rasters_by_part(rasters_at_all_scales(rows, enlarged))
        shapes = [(piece, _tiles_outline(piece, rasters, body)) for piece in exclusions]
        scenes = {piece["scene"]: _why(piece) for piece, shape in reversed(shapes) if shape is None}
        tiles = [FailedTiles(p["scene"], p["detail"], _why(p), shape) for p, shape in shapes if shape is not None]
        return cls(scenes, tiles)


def _part_rows(
    columns: Mapping[str, Sequence], tiles: Sequence[FailedTiles], body: Body
) -> Iterator[geopandas.GeoDataFrame]:
    """A row for each part of a scene that was left out, with its shape; `columns` are those of all scenes."""
    numbers = {scene: number for number, scene in enumerate(columns["scene"])}
    for failed in tiles:
        of_scene = {name: [values[numbers[failed.scene]]] for name, values in columns.items()}
        about = dict(left_out=[failed.why], part=[failed.part])
        yield geopandas.GeoDataFrame(of_scene | about, geometry=[failed.shape], crs=body.crs)


def _why(piece: Mapping[str, str]) -> str:
    return " ".join(filter(None, (piece["detail"], piece["reason"])))


def _tiles_outline(piece: Mapping[str, str], rasters: RastersByPart, body: Body) -> shapely.Geometry | None:
    """Where the tiles lie that a piece is of, in degrees; None where it is none, or has no raster at their scale."""
    failed = failed_window(piece, rasters) if parse_tile_area(piece["detail"]) else None
    if failed is None:
        return None
    points = shapely.get_coordinates(shapely.segmentize(failed.box, LONGEST_EDGE_PX))[:-1]
    lon, lat = Ground(failed.raster.crs_wkt, body.radius_m).lonlat(*failed.raster.grid.to_map(*points.T))
    return ring_polygon(lon, lat)


def scene_layers(path: Path, frame: geopandas.GeoDataFrame) -> LayerGroup:
    """The layers of a file of scenes: what was left out, where there is anything, and the groups."""
    layer = ProjectLayer("left out", path, CRS(frame.crs), "Polygon", left_out_renderer())
    left_out = [replace(layer, condition='"left_out" IS NOT NULL')] if frame["left_out"].notna().any() else []
    groups = group_renderer(sorted(frame["group"].unique()))
    whole = replace(layer, title="groups", renderer=groups, condition='"part" IS NULL', visible=False)
    return LayerGroup("scenes", [*left_out, whole])


def catalogue_layers(manifest: Path, body: Body) -> list[ProjectLayer]:
    """The craters by score and by diameter; none where no file stands that every QGIS reads."""
    metadata = read_manifest(manifest)
    path = best_standalone_file(manifest, manifest.stem, READABLE)
    if path is None:
        return []
    kind = "Point" if path.suffix == ".vrt" else "Polygon"
    limits_km = diameter_range([manifest.parent / part["path"] for part in metadata["parts"]])
    layer = ProjectLayer("craters by score", path, body.crs, kind, score_renderer(kind))
    column = "diam_km" if path.suffix == ".shp" else "diameter_km"
    by_diameter = diameter_renderer(*limits_km, kind)
    by_diameter.set("attr", column)
    return [layer, replace(layer, title="craters by diameter", renderer=by_diameter, visible=False)]


def judging_layer(path: Path, catalogue: str, verdicts: Sequence[str], body: Body) -> ProjectLayer:
    """The layer in which people judge the craters of a catalogue (by its hash); not shown at first."""
    form = judging_form(verdicts, catalogue)
    return ProjectLayer(path.stem, path, body.crs, "Polygon", verdict_renderer(), visible=False, form=form)


def footprint_layers(manifest: Path, body: Body) -> list[ProjectLayer]:
    """What was searched."""
    path = best_standalone_file(manifest, manifest.stem, READABLE)
    return [ProjectLayer("searched footprints", path, body.crs, "Polygon", footprint_renderer())] if path else []


def map_layers(manifest: Path, classes: Sequence[str], body: Body) -> list[ProjectLayer]:
    """Lines and polygons of a map by class."""
    kinds = dict(lines="Line", polygons="Polygon")
    paths = {kind: best_standalone_file(manifest, kind, READABLE) for kind in kinds}
    return [
        ProjectLayer(kind, path, body.crs, kinds[kind], class_renderer(kind, classes))
        for kind, path in paths.items()
        if path and not (path.suffix == ".vrt" and not path.is_file())
    ]


def raster_groups(rows: Sequence[RasterRow]) -> list[LayerGroup]:
    """The scenes' rasters, a group for each scale from the finest on, which alone is shown; in their stretch."""
    scales = sorted({row.scale_m for row in rows})
    shown = rows if len(rows) <= MOST_RASTERS else [row for row in rows if row.scale_m == scales[-1]]
    by_scale = groupby(sorted(shown, key=lambda row: (row.scale_m, row.scene)), key=lambda row: row.scale_m)
    groups = [
        LayerGroup(
            f"images at {scale_m:g} m/px", [_raster_layer(row, ShownBand(1, row.low[0], row.high[0])) for row in part]
        )
        for scale_m, part in by_scale
    ]
    return [replace(group, visible=number == 0) for number, group in enumerate(groups)]


def probability_groups(rows: Sequence[RasterRow], classes: Sequence[str]) -> list[LayerGroup]:
    """The rasters of probabilities, a group for each class in its colour; not shown at first."""
    colours = class_colours(len(classes))[1:]
    if len(rows) * len(classes) > MOST_RASTERS:
        return []
    ordered = sorted(rows, key=lambda row: (row.scale_m, row.scene))
    return [
        LayerGroup(
            f"probability of {name}",
            [_raster_layer(row, ShownBand(number, row.low[0], row.high[0], colour)) for row in ordered],
            visible=False,
        )
        for number, (name, colour) in enumerate(zip(classes, colours, strict=True), 1)
    ]


def probability_classes(path: str) -> list[str]:
    """The classes of a raster of probabilities: the descriptions of its bands or, without any, their numbers."""
    with opened_raster(path) as source:
        return [text or f"band {number}" for number, text in enumerate(source.descriptions, 1)]


def map_of(rows: Sequence[RasterRow], body: Body) -> tuple[CRS, tuple[float, float, float, float]]:
    """The coordinate system of a run's map and the bounds of all rasters in it: theirs, where they have but one.

    Else an equirectangular map around the middle of the scenes or, where all lie beyond 60 degrees, a polar one.
    """
    systems = sorted({row.crs_wkt for row in rows})
    crs = CRS(systems[0]) if len(systems) == 1 else _common_crs(rows, body)
    boxes = np.array([_bounds_in(crs, row) for row in rows])
    left, bottom = boxes[:, :2].min(axis=0).tolist()
    right, top = boxes[:, 2:].max(axis=0).tolist()
    return crs, (left, bottom, right, top)


def _bounds_in(crs: CRS, row: RasterRow) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of a raster on a map."""
    x, y = row.grid.to_map(np.array([0.0, row.width]), np.array([0.0, row.height]))
    box = (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
    scene_crs = CRS(row.crs_wkt)
    return box if scene_crs == crs else Transformer.from_crs(scene_crs, crs, always_xy=True).transform_bounds(*box)


def _common_crs(rows: Sequence[RasterRow], body: Body) -> CRS:
    """A map of scenes of different maps."""
    middles = [Ground(row.crs_wkt, body.radius_m).lonlat(*np.atleast_2d(row.grid.middle).T) for row in rows]
    lon, lat = np.concatenate(middles, axis=1)
    if (np.abs(lat) > POLAR_LATITUDE).all() and len(set(np.sign(lat))) == 1:
        return CRS(f"+proj=stere +lat_0={90 * np.sign(lat[0]):g} +R={body.radius_m!r} +units=m")
    east = np.degrees(np.angle(np.exp(1j * np.radians(lon)).mean()))
    return CRS(f"+proj=eqc +lon_0={round(float(east)) % 360} +R={body.radius_m!r} +units=m")


def _raster_layer(row: RasterRow, band: ShownBand) -> ProjectLayer:
    return ProjectLayer(row.scene, Path(row.path), CRS(row.crs_wkt), band=band)
