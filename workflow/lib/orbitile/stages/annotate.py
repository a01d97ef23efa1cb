"""annotate: an image of a scene with the craters of any table drawn on it."""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from orbitile import catalogue
from orbitile.detections.matching import MatchCriteria, match_craters
from orbitile.detections.nms.find_overlaps import OverlapCriterion
from orbitile.pictures.rings import pixel_rings
from orbitile.pictures.scene_picture import LARGEST_PX, LineStyle, ScenePicture, rows_of_scene
from orbitile.space.caps import Caps, grid_cap
from orbitile.space.ground import Ground, unit_vectors
from orbitile.space.lonlat_boxes import EVERYWHERE, LonLatBox, boxes_around_circle
from orbitile.tables.craters import Craters, CraterTable, PixelPlaces, read_craters_of_run
from orbitile.tables.rasters import RasterRow

CATALOGUED, TABLED = "in the catalogue", "in the table"
"""What is drawn without a truth: the run's craters, or those of somebody's table."""
COLOURS = {CATALOGUED: "#56b4e9", TABLED: "#56b4e9", "right": "#56b4e9", "false": "#d55e00", "missed": "#f0e442"}
"""Okabe and Ito's colours, which colour-blind people tell apart."""
STYLES: dict[str, LineStyle] = {"right": "solid", "false": "dashed", "missed": (0, (1.2, 1))}
"""Lines, so that nothing depends on colour alone."""
LINKS = 3
"""The match of a crater depends on its rivals, on theirs, and on theirs again; what lies farther off has no say."""
SIZES_KM = [0.0, *2.0 ** np.arange(-7, 14)]
"""Limits of diameters: smaller craters are looked for in smaller surroundings."""


class DrawnCraters(NamedTuple):
    """The craters to draw, of a catalogue (its manifest) or of a table, and the true ones, if any."""

    detected: str | CraterTable
    truth: CraterTable | None = None


def annotate_craters(
    rasters: str, scene: str, drawn: DrawnCraters, criteria: MatchCriteria, out: str, unmapped_scenes: int = 0
) -> None:
    """Draw a scene's craters as a PNG; with a truth, right, false and missed ones in their colours.

    `rasters` is the group's table of scenes. Of a run in pixel coordinates with so many `unmapped_scenes` only the
    scene's craters are drawn. OrbitileError where the scene failed, or a table lacks a column.
    """
    rows = rows_of_scene(rasters, scene)
    raster = next((row for row in rows if max(row.width, row.height) <= LARGEST_PX), rows[-1])
    around = Neighbourhood(grid_cap(raster.grid, criteria.radius_m), LINKS if drawn.truth else 0, criteria)
    place = CratersOnScene(rows, around, unmapped_scenes)
    craters = place.read(drawn.detected)
    if drawn.truth is None:
        kinds = {CATALOGUED if isinstance(drawn.detected, str) else TABLED: craters}
    else:
        kinds = _kinds(craters, place.read(drawn.truth), criteria)
    picture = ScenePicture.of(raster)
    picture.add_map_frame(criteria.radius_m, graticule=not unmapped_scenes)
    for kind, members in kinds.items():
        picture.outline(kind, _rings(members, raster, criteria.radius_m), COLOURS[kind], 1.6, STYLES.get(kind, "solid"))
    picture.save(out, legend_columns=4)


@dataclass(frozen=True)
class Neighbourhood:
    """A scene's cap and what lies around it, as far as `links` times what overlapping craters can be apart."""

    cap: Caps
    links: int
    criteria: MatchCriteria

    def select(self, craters: Craters) -> Craters:
        """The craters of a table that lie in it."""
        gaps = self.cap.gaps_to(unit_vectors(craters.lon, craters.lat))
        return craters.select(gaps <= self._reach(craters.diameter_m))

    def read(self, craters: catalogue.Catalogue) -> Craters:
        """The craters of a catalogue that lie in it."""
        parts = [
            _read(craters.select(self._box(limit), diameter_km=(least, float(np.nextafter(limit, 0)))))
            for least, limit in pairwise(SIZES_KM if self.links else [0.0, SIZES_KM[-1]])
        ]
        return self.select(_sorted(parts))

    def _box(self, diameter_km: float) -> LonLatBox:
        """A box around all of it that counts for craters up to a diameter; over 180 E its west is east of its east."""
        radius = float(self.cap.radii[0] + self._reach(np.array(1000 * diameter_km)))
        boxes = [EVERYWHERE] if radius > np.pi / 2 else boxes_around_circle(self.cap.centres[0], radius)
        return boxes[0][0], boxes[0][1], boxes[-1][2], boxes[0][3]

    def _reach(self, diameter_m: np.ndarray) -> np.ndarray:
        """How far outside of the scene, in radians, craters count."""
        reach = OverlapCriterion(self.criteria.iou_threshold).reach(diameter_m / self.criteria.radius_m)
        return self.links * np.minimum(reach, np.pi)


@dataclass(frozen=True)
class CratersOnScene:
    """A scene's rows of the table of rasters, and its neighbourhood; `unmapped_scenes` in pixel coordinates."""

    rows: list[RasterRow]
    around: Neighbourhood
    unmapped_scenes: int

    def read(self, source: str | CraterTable) -> Craters:
        """What counts of a catalogue, by its manifest, or of a table; in pixel coordinates that of the scene alone."""
        if isinstance(source, str):
            return self._of_catalogue(catalogue.open(source))
        pixels = PixelPlaces.of(self.rows, self.around.criteria.radius_m)
        craters = read_craters_of_run(source, pixels, self.unmapped_scenes)
        return craters.of_scene(self.rows[0].scene) if self.unmapped_scenes else self.around.select(craters)

    def _of_catalogue(self, craters: catalogue.Catalogue) -> Craters:
        if not self.unmapped_scenes:
            return self.around.read(craters)
        return _sorted([_read(craters.select(scenes=[self.rows[0].scene]))])


def _read(craters: catalogue.Catalogue) -> Craters:
    return Craters.of_catalogue(craters.table(["lon", "lat", "diameter_km"]))


def _sorted(parts: list[Craters]) -> Craters:
    """The craters of several parts, by latitude, longitude and diameter."""
    craters = Craters.joined(parts)
    return craters.select(np.lexsort([craters.diameter_m, craters.lon, craters.lat]))


def _kinds(craters: Craters, truth: Craters, criteria: MatchCriteria) -> dict[str, Craters]:
    """Craters by the kinds that are drawn in colours of their own (COLOURS)."""
    limits = criteria.iou_threshold, criteria.min_diameter_m, criteria.radius_m, criteria.least_agreement
    matches = match_craters(craters, truth, *limits)
    right, wrong = matches.detected[matches.detected["hit"]], matches.detected[~matches.detected["hit"]]
    missed = matches.truth[~matches.truth["hit"]]
    return {name: _craters(table) for name, table in (("right", right), ("false", wrong), ("missed", missed))}


def _craters(table: pd.DataFrame) -> Craters:
    lon, lat, diameter_km = (table[name].to_numpy(float) for name in ("lon", "lat", "diameter_km"))
    return Craters(lon, lat, diameter_km * 1000)


def _rings(craters: Craters, raster: RasterRow, radius_m: float) -> list[np.ndarray]:
    """Outlines in pixels of the craters whose centre lies in the scene."""
    grid, ground = raster.grid, Ground(raster.crs_wkt, radius_m)
    col, row = grid.to_pixel(*ground.xy(craters.lon, craters.lat, *grid.middle))
    inside = _sorted([craters.select((col >= 0) & (col < grid.width) & (row >= 0) & (row < grid.height))])
    if not len(inside):
        return []
    return list(pixel_rings((inside.lon, inside.lat), (inside.diameter_m, inside.diameter_m), grid, radius_m))
