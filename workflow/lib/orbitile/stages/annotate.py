"""annotate: images of a group's scenes with the craters of any table drawn on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import shapely

from orbitile import catalogue
from orbitile.base.files import cache_key
from orbitile.detections.matching import MatchCriteria, match_craters
from orbitile.detections.nms.find_overlaps import OverlapCriterion
from orbitile.jobs.pieces import JobWork
from orbitile.jobs.scene_pictures import draw_scenes
from orbitile.pictures.picture_size import LARGEST_PX
from orbitile.pictures.rings import pixel_rings
from orbitile.pictures.scene_picture import LineStyle, ScenePicture
from orbitile.pipeline import code_version
from orbitile.space.caps import ROUNDING, Caps, grid_cap
from orbitile.space.ground import Ground, unit_vectors
from orbitile.space.lonlat_boxes import EVERYWHERE, LonLatBox, boxes_around_circle
from orbitile.tables.coverage import Coverage
from orbitile.tables.craters import Craters, CraterTable, PixelPlaces, read_craters_of_run
from orbitile.tables.enlarged_rasters import NOT_ENLARGED, rasters_at_all_scales
from orbitile.tables.failed_windows import failed_on_maps
from orbitile.tables.rasters import RasterRow, read_rasters

CATALOGUED, TABLED = "in the catalogue", "in the table"
"""What is drawn without a truth: the run's craters, or those of somebody's table."""
MISSED = "missed"
COLOURS = {CATALOGUED: "#56b4e9", TABLED: "#56b4e9", "right": "#56b4e9", "false": "#d55e00", MISSED: "#f0e442"}
"""Okabe and Ito's colours, which colour-blind people tell apart."""
STYLES: dict[str, LineStyle] = {"right": "solid", "false": (0, (3.7, 1.6)), MISSED: (0, (1.2, 1))}
"""Lines, so that nothing depends on colour alone."""
LINKS = 3
"""The match of a crater depends on its rivals, on theirs, and on theirs again; what lies farther off has no say."""
OUTLINED_AT_ONCE = 4096
"""Craters whose outlines are computed together: on the way to pixels an outline takes 20 times its own memory."""
SIZES_KM = [0.0, *2.0 ** np.arange(-7, 14)]
"""Limits of diameters: smaller craters are looked for in smaller surroundings."""


class DrawnCraters(NamedTuple):
    """The craters to draw, of a catalogue (its manifest) or of a table, and the true ones, if any.

    `enlarged` holds the factors of scales that a catalogue's run searched in enlarged pixels.
    """

    detected: str | CraterTable
    truth: CraterTable | None = None
    enlarged: Mapping[float, int] = NOT_ENLARGED

    def failed(self, rows: Sequence[RasterRow]) -> Mapping[str, shapely.Geometry]:
        """Where scenes of a catalogue failed at any scale, in the coordinates of their maps; by scene."""
        if not isinstance(self.detected, str):
            return {}
        exclusions = catalogue.open(self.detected).metadata.get("exclusions", ())
        return failed_on_maps(exclusions, rasters_at_all_scales(rows, self.enlarged))


def annotate_craters(
    rasters: str, drawn: DrawnCraters, criteria: MatchCriteria, out: str, work: JobWork, unmapped_scenes: int = 0
) -> None:
    """Draw the craters of a group's scenes as PNGs; with a truth, right, false and missed ones in their colours.

    `rasters` is the group's table of scenes, `out` the list of its pictures, which lie beside it. Of a run in pixel
    coordinates with so many `unmapped_scenes` only a scene's craters are drawn on it. Where a scene has no data, or
    failed, no crater counts as missed, as in the evaluation. OrbitileError where a table lacks a column, or a scene
    cannot be drawn.
    """
    rows = read_rasters(rasters)
    displayed = _displayed_rasters(rows)
    kinds = _read_kinds(rows, drawn, criteria, unmapped_scenes) if rows else {}
    failed = drawn.failed(rows)
    coarsest = {row.scene: row for row in sorted(rows, key=lambda row: row.scale_m)}
    drawings = {
        scene: CraterDrawing(
            raster, kinds[scene].on_raster(raster), Coverage.of([coarsest[scene]], criteria.radius_m, failed),
            not unmapped_scenes,
        )
        for scene, raster in displayed.items()
    }  # fmt: skip
    draw_scenes(drawings, out, work)


@dataclass(frozen=True)
class CraterDrawing:
    """A scene's raster and the craters to draw on it, by their kinds (COLOURS).

    `judged` is where true craters count in the evaluation.
    """

    raster: RasterRow
    kinds: dict[str, Craters]
    judged: Coverage
    has_map: bool

    @cached_property
    def key(self) -> str:
        """Changes with the picture."""
        places = {
            kind: [column.tolist() for column in (craters.lon, craters.lat, craters.diameter_m)]
            for kind, craters in self.kinds.items()
        }
        return cache_key(
            raster=self.raster.path, judged=[row.path for row in self.judged.scenes],
            failed=self.judged.failed.get(self.raster.scene), places=places, has_map=self.has_map,
            radius_m=self.judged.radius_m, version=code_version("annotate"),
        )  # fmt: skip

    def draw(self, out: Path) -> None:
        """Write the picture."""
        picture = ScenePicture.of(self.raster)
        picture.add_map_frame(self.judged.radius_m, graticule=self.has_map)
        for kind, craters in self.kinds.items():
            drawn = craters.select(self.judged.holds(craters.lon, craters.lat)) if kind == MISSED else craters
            rings = _rings(drawn, self.raster, self.judged.radius_m)
            picture.outline(kind, rings, COLOURS[kind], 1.6, STYLES.get(kind, "solid"))
        picture.save(out, legend_columns=4, key=self.key)


class CraterKinds:
    """Craters by the kinds that are drawn in colours of their own (COLOURS), to be looked up by place."""

    def __init__(self, kinds: Mapping[str, Craters], radius_m: float) -> None:
        self._kinds = {kind: _sorted(craters) for kind, craters in kinds.items()}
        self._points = {kind: unit_vectors(craters.lon, craters.lat) for kind, craters in self._kinds.items()}
        self._radius_m = radius_m

    def on_raster(self, raster: RasterRow) -> dict[str, Craters]:
        """Those whose centre lies in a raster."""
        cap = grid_cap(raster.grid, self._radius_m)
        grid, ground = raster.grid, Ground(raster.crs_wkt, self._radius_m)
        kinds = {}
        for kind in self._kinds:
            craters = self._near(kind, cap)
            x, y = ground.xy(craters.lon, craters.lat, *grid.middle)
            col, row = grid.to_pixel(x, y)
            is_shown = (col >= 0) & (col < grid.width) & (row >= 0) & (row < grid.height)
            kinds[kind] = craters.select(is_shown)
        return kinds

    def _near(self, kind: str, cap: Caps) -> Craters:
        """Those in a cap: of all in its latitudes, so that many scenes do not each look at all craters."""
        craters, points = self._kinds[kind], self._points[kind]
        lat, reach = np.degrees(np.arcsin(np.clip(cap.centres[0, 2], -1, 1))), np.degrees(cap.radii[0] + ROUNDING)
        first, last = np.searchsorted(craters.lat, [lat - reach, lat + reach])
        return craters.select(first + np.flatnonzero(cap.gaps_to(points[first:last]) == 0))


@dataclass(frozen=True)
class Neighbourhood:
    """A cap around scenes and what lies around it, as far as `links` times what overlapping craters can be apart."""

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
        return self.select(Craters.joined(parts))

    def _box(self, diameter_km: float) -> LonLatBox:
        """A box around all of it that counts for craters up to a diameter; over 180 E its west is east of its east."""
        radius = float(self.cap.radii[0] + self._reach(np.array(1000 * diameter_km)))
        boxes = [EVERYWHERE] if radius > np.pi / 2 else boxes_around_circle(self.cap.centres[0], radius)
        return boxes[0][0], boxes[0][1], boxes[-1][2], boxes[0][3]

    def _reach(self, diameter_m: np.ndarray) -> np.ndarray:
        """How far outside of the scenes, in radians, craters count."""
        reach = OverlapCriterion(self.criteria.iou_threshold).reach(diameter_m / self.criteria.radius_m)
        return self.links * np.minimum(reach, np.pi)


@dataclass(frozen=True)
class CraterReader:
    """Reads what counts of catalogues and tables for a group's scenes; `unmapped_scenes` in pixel coordinates."""

    rows: Sequence[RasterRow]
    around: Neighbourhood
    unmapped_scenes: int

    def read(self, source: str | CraterTable) -> Craters:
        """The craters of a catalogue, by its manifest, in the order of their places, or of a table in its own."""
        return (
            _sorted(self._of_catalogue(catalogue.open(source))) if isinstance(source, str) else self._of_table(source)
        )

    def _of_table(self, table: CraterTable) -> Craters:
        pixels = PixelPlaces.of(self.rows, self.around.criteria.radius_m)
        craters = read_craters_of_run(table, pixels, self.unmapped_scenes)
        return craters if self.unmapped_scenes else self.around.select(craters)

    def _of_catalogue(self, craters: catalogue.Catalogue) -> Craters:
        if not self.unmapped_scenes:
            return self.around.read(craters)
        return _read(craters.select(scenes={row.scene for row in self.rows}), ["scene"])


def _displayed_rasters(rows: Sequence[RasterRow]) -> dict[str, RasterRow]:
    """The raster to show of each scene: the finest that need not be shrunk, or the coarsest."""
    displayed: dict[str, RasterRow] = {}
    for row in sorted(rows, key=lambda row: (row.scene, -row.scale_m)):
        if row.scene not in displayed or max(row.width, row.height) <= LARGEST_PX:
            displayed[row.scene] = row
    return displayed


def _read_kinds(
    rows: Sequence[RasterRow], drawn: DrawnCraters, criteria: MatchCriteria, unmapped_scenes: int
) -> dict[str, CraterKinds]:
    """The craters on and around scenes, by scene; matched once for all that lie on a map, else scene by scene."""
    cap = Caps.joined([grid_cap(row.grid, criteria.radius_m) for row in rows]).enclosing()
    reader = CraterReader(rows, Neighbourhood(cap, LINKS if drawn.truth else 0, criteria), unmapped_scenes)
    craters = reader.read(drawn.detected)
    truth = None if drawn.truth is None else reader.read(drawn.truth)
    noun = CATALOGUED if isinstance(drawn.detected, str) else TABLED
    scenes = sorted({row.scene for row in rows})
    if not unmapped_scenes:
        return dict.fromkeys(scenes, _kinds(craters, truth, criteria, noun))
    return {
        scene: _kinds(craters.of_scene(scene), None if truth is None else truth.of_scene(scene), criteria, noun)
        for scene in scenes
    }


def _kinds(craters: Craters, truth: Craters | None, criteria: MatchCriteria, noun: str) -> CraterKinds:
    """Craters by their kinds; of one kind, called `noun`, where there is no truth."""
    if truth is None:
        return CraterKinds({noun: craters}, criteria.radius_m)
    limits = criteria.iou_threshold, criteria.min_diameter_m, criteria.radius_m, criteria.least_agreement
    matches = match_craters(craters, truth, *limits)
    right, wrong = matches.detected[matches.detected["hit"]], matches.detected[~matches.detected["hit"]]
    missed = matches.truth[~matches.truth["hit"]]
    tables = {"right": right, "false": wrong, MISSED: missed}
    return CraterKinds({kind: _craters(table) for kind, table in tables.items()}, criteria.radius_m)


def _craters(table: pd.DataFrame) -> Craters:
    lon, lat, diameter_km = (table[name].to_numpy(float) for name in ("lon", "lat", "diameter_km"))
    return Craters(lon, lat, diameter_km * 1000)


def _read(craters: catalogue.Catalogue, columns: Sequence[str] = ()) -> Craters:
    return Craters.of_catalogue(craters.table(["lon", "lat", "diameter_km", *columns]))


def _sorted(craters: Craters) -> Craters:
    """Craters by latitude, longitude and diameter."""
    return craters.select(np.lexsort([craters.diameter_m, craters.lon, craters.lat]))


def _rings(craters: Craters, raster: RasterRow, radius_m: float) -> list[np.ndarray]:
    """Outlines of craters in pixels."""
    rings: list[np.ndarray] = []
    for start in range(0, len(craters), OUTLINED_AT_ONCE):
        part = craters.select(np.arange(start, min(start + OUTLINED_AT_ONCE, len(craters))))
        rings.extend(pixel_rings((part.lon, part.lat), (part.diameter_m, part.diameter_m), raster.grid, radius_m))
    return rings
