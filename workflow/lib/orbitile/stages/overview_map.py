"""overview_map: one picture of a run, its scenes and its map of polygons and lines."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import shapely
from matplotlib.collections import LineCollection

from orbitile.base.manifests import read_manifest
from orbitile.features.shapes.on_body import drawing_points
from orbitile.pictures.class_colours import colours_of_names
from orbitile.pictures.density import DensityGrid
from orbitile.pictures.scene_picture import RunPicture
from orbitile.space.ground import Ground
from orbitile.tables.feature_parts import read_features

COLOURS = dict(polygons="#00e5ff", lines="#f0e442")
MEASURES = dict(polygons="area_m2", lines="length_m")
MOST_OUTLINES = 200_000
"""More polygons and lines than these would be a blot: the picture shows instead how dense lines are, or polygons."""


def overview_map(manifest: str, rasters: list[str], radius_m: float, out: str) -> None:
    """Draw all scenes at their coarsest scale on the first scene's map, with polygons and centre lines, as a PNG.

    `manifest` is the map's, which is read part by part. Polygons of classes that exclude each other have their colours.
    Very many polygons and lines are drawn as their density.
    """
    picture = RunPicture.of(rasters)
    picture.add_map_frame(radius_m)
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
    picture.save(heading, out)


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
