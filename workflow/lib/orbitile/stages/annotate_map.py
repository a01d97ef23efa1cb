"""annotate_map: images of a group's scenes with their probabilities, and the polygons and lines made of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import shapely
from matplotlib.colors import LinearSegmentedColormap
from rasterio.enums import Resampling

from orbitile.base.files import cache_key, sha256
from orbitile.base.manifests import read_manifest
from orbitile.features.shapes.on_body import drawing_points
from orbitile.jobs.pieces import JobWork
from orbitile.jobs.scene_pictures import draw_scenes
from orbitile.pictures.class_colours import colour_table, colours_of_names
from orbitile.pictures.pixel_image import coloured
from orbitile.pictures.rings import pixel_places
from orbitile.pictures.scene_picture import ScenePicture
from orbitile.pipeline import code_version
from orbitile.rasters.read import explain_read_errors, opened_raster, read_window
from orbitile.space.grids import Grid
from orbitile.space.lonlat_boxes import boxes_around_grid
from orbitile.tables.class_rasters import ClassRaster, read_class_rasters
from orbitile.tables.feature_parts import read_features
from orbitile.tables.rasters import RasterRow, read_rasters

GLOW = LinearSegmentedColormap.from_list("glow", [(1, 0.85, 0, 0), (1, 0.25, 0, 0.55)])
"""Probability as a layer that is clear where it is 0."""
CLASS_OPACITY = 110
"""Of the layer of classes, 0..255."""
COLOURS = dict(polygons="#00e5ff", lines="#f0e442")


class MapDrawing(NamedTuple):
    """A group's tables of scenes and of their probabilities, and the map's manifest.

    `classified` is the table of rasters of classes, where these exclude each other.
    """

    scaled: str
    stitched: str
    manifest: str
    classified: str | None = None


def annotate_map(tables: MapDrawing, radius_m: float, out: str, work: JobWork, unmapped_scenes: int = 0) -> None:
    """Draw a group's scenes at their finest scale as PNGs, beside `out`, the list of these pictures.

    The largest probability of all classes is a translucent layer; classes that exclude each other are drawn in their
    colours instead. Of a run in pixel coordinates with so many `unmapped_scenes` only a scene's polygons and lines are
    drawn on it. OrbitileError where a scene cannot be drawn.
    """
    finest: dict[str, RasterRow] = {}
    for row in sorted(read_rasters(tables.scaled), key=lambda row: (row.scene, row.scale_m)):
        finest.setdefault(row.scene, row)
    probabilities = {(row.scene, row.scale_m): row for row in read_rasters(tables.stitched)}
    class_rasters = read_class_rasters(tables.classified) if tables.classified else []
    classes = {(row.scene, row.scale_m): row for row in class_rasters}
    map_version = sha256(tables.manifest)
    drawings = {
        scene: SceneOnMap(
            row, probabilities.get((scene, row.scale_m)), classes.get((scene, row.scale_m)), tables, map_version,
            not unmapped_scenes, radius_m,
        )
        for scene, row in finest.items()
    }  # fmt: skip
    draw_scenes(drawings, out, work)


@dataclass(frozen=True)
class SceneOnMap:
    """A scene's raster, its probabilities and classes, if any, and the map to draw on it, of a version."""

    raster: RasterRow
    probability: RasterRow | None
    classes: ClassRaster | None
    tables: MapDrawing
    map_version: str
    has_map: bool
    radius_m: float

    @property
    def key(self) -> str:
        """Changes with the picture."""
        layers = [layer and layer.path for layer in (self.raster, self.probability, self.classes)]
        return cache_key(
            layers=layers, map_version=self.map_version, has_map=self.has_map, radius_m=self.radius_m,
            version=code_version("annotate_map"),
        )  # fmt: skip

    def draw(self, out: Path) -> None:
        """Write the picture."""
        picture = ScenePicture.of(self.raster)
        picture.add_map_frame(self.radius_m, graticule=self.has_map)
        if self.tables.classified:
            return self._draw_classes(picture, out)
        if self.probability:
            picture.lay_over(coloured(_probability(self.probability, picture.shape), GLOW))
        for kind, colour in COLOURS.items():
            picture.outline(kind, self._rings(kind), colour, 0.8)
        return picture.save(out, legend_columns=2, key=self.key)

    def _draw_classes(self, picture: ScenePicture, out: Path) -> None:
        """Draw the classes as a translucent layer, and the outlines of each class in its colour."""
        names = read_manifest(Path(self.tables.manifest)).get("classes", [])
        if self.classes:
            picture.lay_over(_class_pixels(self.classes, picture.shape))
        for name, colour in list(colours_of_names(names).items())[1:]:
            picture.outline(name, self._rings("polygons", name), colour, 0.8)
        if lines := self._rings("lines"):
            picture.outline("lines", lines, COLOURS["lines"], 0.8)
        picture.save(out, legend_columns=len(names), key=self.key)

    def _rings(self, kind: str, class_name: str | None = None) -> list[np.ndarray]:
        condition = {} if class_name is None else {"class": class_name}
        condition |= {} if self.has_map else dict(scene=self.raster.scene)
        return rings_in_raster(self.tables.manifest, kind, self.raster, self.radius_m, condition)


def _class_pixels(row: ClassRaster, shape: tuple[int, int]) -> np.ndarray:
    """The colours (rows, columns, 4: red, green, blue, opacity) of the classes of a scene; background is clear."""
    with opened_raster(row.path) as source, explain_read_errors(row.path):
        numbers = source.read(1, out_shape=shape, resampling=Resampling.nearest)
    colours = np.zeros((256, 4), np.uint8)
    for number, colour in colour_table(len(row.classes) - 1).items():
        colours[number] = (*colour[:3], CLASS_OPACITY if number else 0)
    return colours[numbers]


def rings_in_raster(
    manifest: str, kind: str, raster: RasterRow, radius_m: float, condition: Mapping[str, str]
) -> list[np.ndarray]:
    """Lines and outlines, each (n, 2: column, row), of a map's shapes at a raster's scale that reach into it.

    `manifest` is the map's, `kind` polygons or lines, `condition` the values of columns of those to draw. Only what
    lies around the raster is read.
    """
    around = boxes_around_grid(raster.grid, radius_m)
    rings = []
    for table in read_features(manifest, kind, ["scale_m", "geometry", *condition], around):
        is_drawn = table["scale_m"].to_numpy() == raster.scale_m
        for column, value in condition.items():
            is_drawn &= table[column].to_numpy() == value
        shapes = shapely.from_wkb(table["geometry"].to_numpy())[is_drawn]
        rings += picture_outlines(shapes, raster.grid, radius_m)
    return rings


def picture_outlines(shapes: np.ndarray, grid: Grid, radius_m: float) -> list[np.ndarray]:
    """Outlines, each (n, 2: column, row), of shapes in longitude and latitude that have a point on a grid."""
    points, starts = drawing_points(shapes)
    if not len(points):
        return []
    pixels = pixel_places(points, grid, radius_m)
    on_grid = ((pixels >= 0) & (pixels <= [grid.width, grid.height])).all(axis=1)
    visible = np.logical_or.reduceat(on_grid, starts)
    return [ring for ring, is_visible in zip(np.split(pixels, starts[1:]), visible, strict=True) if is_visible]


def _probability(row: RasterRow, shape: tuple[int, int]) -> np.ndarray:
    """The largest probability (rows, columns; 0..255) of all classes, 0 without data."""
    with opened_raster(row.path) as source:
        channels = range(1, source.count + 1)
        probability, valid = read_window(source, row.grid.window, channels, shape)
    return np.where(valid, probability.max(axis=0), 0)
