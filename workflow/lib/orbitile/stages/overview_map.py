"""overview_map: one picture of a run, its scenes and its map of polygons and lines."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from matplotlib.collections import LineCollection

from orbitile.base.manifests import read_manifest
from orbitile.features.shapes.on_body import drawing_points
from orbitile.pictures.class_colours import colours_of_names
from orbitile.pictures.density import DensityGrid
from orbitile.pictures.rings import pixel_places
from orbitile.pictures.scene_picture import RunPicture, searched_scenes_text
from orbitile.pictures.scene_sheet import SceneSheet
from orbitile.space.ground import Ground
from orbitile.tables.feature_parts import read_features

COLOURS = dict(polygons="#00e5ff", lines="#f0e442")
MEASURES = dict(polygons="area_m2", lines="length_m")
MOST_OUTLINES = 200_000
"""More polygons and lines than these would be a blot: the picture shows instead how dense lines are, or polygons."""
MOST_CELL_OUTLINES = 4_000
"""As would more than these in a scene of a sheet, which shows the largest polygons and the longest lines."""


def overview_map(manifest: str, rasters: list[str], radius_m: float, out: str, unmapped_scenes: int = 0) -> None:
    """Draw all scenes at their coarsest scale on the first scene's map, with polygons and centre lines, as a PNG.

    `manifest` is the map's, which is read part by part. Polygons of classes that exclude each other have their colours.
    Very many polygons and lines are drawn as their density. Several `unmapped_scenes` of a run in pixel coordinates lie
    side by side instead.
    """
    if unmapped_scenes > 1:
        return _draw_sheet(manifest, SceneSheet.of(rasters), radius_m, out)
    picture = RunPicture.of(rasters)
    picture.add_map_frame(radius_m, graticule=not unmapped_scenes)
    proof = read_manifest(Path(manifest))
    class_colour = colours_of_names(proof.get("classes", []))
    scenes = picture.searched_text(proof.get("exclusions", []))
    heading = f"{proof['rows']:,} polygons and {proof['lines']:,} lines in {scenes}"
    if proof["rows"] + proof["lines"] > MOST_OUTLINES:
        heading += f"; {_draw_density(picture, manifest, 'lines' if proof['lines'] else 'polygons', radius_m)}"
    else:
        _draw_outlines(picture, manifest, radius_m, class_colour)
        if class_colour:
            picture.name_colours(class_colour)
    return picture.save(heading, out)


def _draw_sheet(manifest: str, sheet: SceneSheet, radius_m: float, out: str) -> None:
    """Draw the polygons and lines of each scene on it."""
    proof = read_manifest(Path(manifest))
    class_colour = colours_of_names(proof.get("classes", []))
    for kind, kind_colour in COLOURS.items():
        for (scene, name), shapes in _shapes_of_scenes(manifest, kind, sheet.cells):
            points, starts = drawing_points(shapes)
            places = pixel_places(points, sheet.cells[scene].raster.grid, radius_m)
            colour = class_colour.get(name, kind_colour) if kind == "polygons" else kind_colour
            sheet.cells[scene].outline(np.split(places, starts[1:]), colour)
    if class_colour:
        sheet.name_colours(class_colour)
    scenes = searched_scenes_text(sheet.names, proof.get("exclusions", []))
    sheet.save(f"{proof['rows']:,} polygons and {proof['lines']:,} lines in {scenes}{sheet.more_text}", out)


def _shapes_of_scenes(
    manifest: str, kind: str, scenes: Collection[str]
) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """Shapes of a kind in parts, each with its scene and its class, as many as a sheet shows."""
    least, measure = _least_sizes(manifest, kind), MEASURES[kind]
    for table in read_features(manifest, kind, ["scene", "class", "geometry", measure]):
        frame = table.to_pandas().astype(dict(scene=str))
        is_drawn = frame["scene"].isin(scenes) & (frame[measure] >= frame["scene"].map(least))
        for place, rows in frame[is_drawn].groupby(["scene", "class"], observed=True):
            yield place, shapely.from_wkb(rows["geometry"].to_numpy())


def _least_sizes(manifest: str, kind: str) -> dict[str, float]:
    """The area or length from which on a sheet shows shapes of a kind, by scene."""
    measure, largest = MEASURES[kind], pd.DataFrame(dict(scene=[], size=[]))
    for table in read_features(manifest, kind, ["scene", measure]):
        frame = pd.DataFrame(dict(scene=table["scene"].to_pandas().astype(str), size=table[measure].to_numpy()))
        frame = pd.concat([largest, frame]) if len(largest) else frame
        largest = frame.sort_values("size", ascending=False).groupby("scene").head(MOST_CELL_OUTLINES)
    return {str(scene): float(size) for scene, size in largest.groupby("scene")["size"].min().items()}


def _draw_outlines(picture: RunPicture, manifest: str, radius_m: float, class_colour: Mapping[str, str]) -> None:
    frame = picture.frame
    for kind, kind_colour in COLOURS.items():
        for shapes, colour in _coloured_shapes(manifest, kind, kind_colour, class_colour):
            points, starts = drawing_points(shapes)
            lon, lat = points.T
            vertices = np.column_stack(Ground(frame.crs_wkt, radius_m).xy(lon, lat, *frame.middle))
            outlines = np.split(vertices, starts[1:]) if len(starts) else []
            picture.axes.add_collection(LineCollection(outlines, colors=colour, linewidths=0.5))


def _coloured_shapes(
    manifest: str, kind: str, kind_colour: str, class_colour: Mapping[str, str]
) -> Iterator[tuple[np.ndarray, str]]:
    """Shapes of a kind in parts, with their colour: polygons that of their class, where classes have colours."""
    for table in read_features(manifest, kind, ["class", "geometry"]):
        shapes, names = shapely.from_wkb(table["geometry"].to_numpy()), table["class"].to_numpy()
        if not class_colour or kind == "lines":
            yield shapes, kind_colour
        else:
            yield from ((shapes[names == name], class_colour[name]) for name in sorted(set(names)))


def _draw_density(picture: RunPicture, manifest: str, kind: str, radius_m: float) -> str:
    """Lay the lengths of lines, or the areas of polygons, per area over the picture; returns what it shows."""
    frame, grid, measure = picture.frame, DensityGrid(picture.frame, radius_m), MEASURES[kind]
    for table in read_features(manifest, kind, ["lon", "lat", measure]):
        grid.add(*(table[name].to_numpy() for name in ("lon", "lat", measure)))
    share = grid.counts / (grid.areas_km2 * 1e6)  # m/m2 of lines, m2/m2 of polygons
    densest, unit = (float(np.nanmax(share)) * 1000, "km/km2") if kind == "lines" else (float(np.nanmax(share)), "")
    shown = np.ma.masked_where(~(share > 0), np.sqrt(share))
    picture.axes.imshow(shown, extent=(frame.west, frame.east, frame.south, frame.north), origin="lower",
                        cmap="viridis", alpha=0.8, vmin=0, interpolation="nearest")  # fmt: skip
    return f"colours: density of {kind}, up to {densest:.3g} {unit}".rstrip()
