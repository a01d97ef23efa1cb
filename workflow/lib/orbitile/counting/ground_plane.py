"""The searched ground in a plane of true areas: how much of it lies in boxes, which points lie on it, random points.

The plane has the longitude in radians from a middle meridian to the right and the sine of the latitude upwards:
Lambert's cylindrical projection of the unit sphere (Snyder 1987, p. 76), in which all areas are true, up to the poles.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import shapely

from orbitile.base.errors import OrbitileError
from orbitile.space.bodies import Body
from orbitile.space.ground import unit_vectors, wrap_longitude

LONGEST_EDGE_DEG = 0.1
"""Edges are straight in longitude and latitude; longer ones are divided before their latitudes become sines."""
STRAIGHT = 1e-13
"""Vertices that lie no farther off the line of their neighbours are left out again."""
MOST_VERTICES, DEEPEST = 128, 24
"""Of a piece of ground, and how often ground is halved for it."""
FULL = 1 - 1e-9
"""From this share of its bounds on a piece is a box."""
MARGIN_DEG = 1e-9
MOST_TRIALS, MOST_BOXES = 500_000, 50_000
"""Points, and boxes, that are looked at at once."""


@dataclass(frozen=True, eq=False)
class GroundPlane:
    """Searched ground in the plane: pieces that do not overlap (n polygons), the middle meridian, the radius in km."""

    pieces: np.ndarray
    middle_deg: float
    radius_km: float

    @classmethod
    def of(cls, footprints: Sequence[shapely.Geometry] | np.ndarray, body: Body) -> Self:
        """The ground that footprints cover together, in degrees (-180..180; parts cut at 180 degrees).

        OrbitileError where they cover none.
        """
        parts = shapely.get_parts(np.asarray(footprints, object))
        parts = parts[(shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & (shapely.area(parts) > 0)]
        if not len(parts):
            raise OrbitileError("searched ground: no footprint covers any; is there a scene with valid pixels?")
        start = _start_of_widest_gap(shapely.bounds(parts))
        west, _, east, _ = shapely.bounds(parts).T
        turns = np.where(west < start - MARGIN_DEG, 360.0, 0.0)
        middle = float(wrap_longitude(np.array((np.min(west + turns) + np.max(east + turns)) / 2)))
        if np.max(east + turns) - np.min(west + turns) >= 360 - MARGIN_DEG:
            middle, turns = 0.0, np.zeros(len(parts))
        offset = np.round((np.min(west + turns) + np.max(east + turns)) / 2 - middle, 9)
        flat = [_flat(part, turn - offset - middle) for part, turn in zip(parts, turns, strict=True)]
        pieces = np.array(list(_halved(shapely.union_all(shapely.make_valid(flat)))), object)
        shapely.prepare(pieces)
        return cls(pieces, middle, body.radius_m / 1000)

    @cached_property
    def area_km2(self) -> float:
        """The area of the ground on the sphere."""
        return float(shapely.area(self.pieces).sum() * self.radius_km**2)

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in the plane."""
        west, south, east, north = shapely.total_bounds(self.pieces).tolist()
        return max(west, -np.pi), max(south, -1.0), min(east, np.pi), min(north, 1.0)

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.pieces)

    def place(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places (n) in the plane of longitudes and latitudes in degrees."""
        return np.radians(wrap_longitude(np.asarray(lon) - self.middle_deg)), np.sin(np.radians(lat))

    def lonlat(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Longitudes (-180..180) and latitudes in degrees of places (n) in the plane."""
        return wrap_longitude(np.degrees(x) + self.middle_deg), np.degrees(np.arcsin(np.clip(y, -1, 1)))

    def vectors(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Unit vectors (n, 3) of places in the plane."""
        return unit_vectors(*self.lonlat(x, y))

    def contains(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Which places (n) lie on the ground, its border included."""
        inside = np.zeros(len(x), bool)
        for start in range(0, len(x), MOST_TRIALS):
            stop = start + MOST_TRIALS
            inside[start + self._tree.query(shapely.points(x[start:stop], y[start:stop]), "intersects")[0]] = True
        return inside

    def areas_in_boxes_km2(self, boxes: np.ndarray) -> np.ndarray:
        """The area of the ground in boxes (n, 4: west, south, east, north in the plane)."""
        shares = [self._areas_in_boxes(boxes[start : start + MOST_BOXES]) for start in range(0, len(boxes), MOST_BOXES)]
        return np.concatenate([np.zeros(0), *shares]) * self.radius_km**2

    def _areas_in_boxes(self, boxes: np.ndarray) -> np.ndarray:
        shapes = shapely.box(*boxes.T)
        box, piece = self._tree.query(shapes, "intersects")
        return np.bincount(box, shapely.area(shapely.intersection(shapes[box], self.pieces[piece])), len(boxes))

    def random_points(self, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """So many points (x, y) of the plane, evenly on the ground: drawn in the pieces' bounds, kept within these."""
        bounds = self._piece_bounds
        x, y = np.zeros(count), np.zeros(count)
        done = 0
        while done < count:
            trials = min(int((count - done) / self._filled * 1.1) + 16, MOST_TRIALS)
            piece = np.searchsorted(self._steps, random.random(trials), side="right").clip(0, len(bounds) - 1)
            west, south, east, north = bounds[piece].T
            px, py = random.uniform(west, east), random.uniform(south, north)
            inside = self._is_box[piece]
            inside[~inside] = shapely.contains_xy(self.pieces[piece[~inside]], px[~inside], py[~inside])
            px, py = px[inside][: count - done], py[inside][: count - done]
            x[done : done + len(px)], y[done : done + len(px)] = px, py
            done += len(px)
        return x, y

    @cached_property
    def _piece_bounds(self) -> np.ndarray:
        return shapely.bounds(self.pieces)

    @cached_property
    def _box_areas(self) -> np.ndarray:
        west, south, east, north = self._piece_bounds.T
        return (east - west) * (north - south)

    @cached_property
    def _is_box(self) -> np.ndarray:
        return shapely.area(self.pieces) >= FULL * self._box_areas

    @cached_property
    def _steps(self) -> np.ndarray:
        """The cumulative shares of the pieces' bounds."""
        return np.cumsum(self._box_areas) / self._box_areas.sum()

    @cached_property
    def _filled(self) -> float:
        return float(shapely.area(self.pieces).sum() / self._box_areas.sum())

    @cached_property
    def border(self) -> np.ndarray:
        """Vertices (n, 2) along the border of the ground, also where it is cut at the middle meridian's antipode."""
        union = shapely.union_all(self.pieces)
        return shapely.get_coordinates(shapely.segmentize(union, self.border_step))

    @property
    def border_step(self) -> float:
        """The largest distance of neighbouring vertices of the border, in the plane."""
        return float(np.sqrt(shapely.area(self.pieces).sum())) / 500


def _start_of_widest_gap(bounds: np.ndarray) -> float:
    """The eastern end of the widest range of longitudes (degrees) that bounds (n, 4) leave free; -180 if none is.

    Parts do not cross 180 degrees, so that what begins at -180 goes on from what ends at 180.
    """
    order = np.argsort(bounds[:, 0], kind="stable")
    west, reach = bounds[order, 0], np.maximum.accumulate(bounds[order, 2])
    gaps = np.append(west[1:] - reach[:-1], west[0] + 360 - reach[-1])
    widest = int(np.argmax(gaps))
    return -180.0 if gaps[widest] <= MARGIN_DEG or widest == len(gaps) - 1 else float(west[widest + 1])


def _flat(part: shapely.Geometry, turn_deg: float) -> shapely.Geometry:
    """A polygon in degrees, moved along longitudes, in the plane."""
    divided = shapely.segmentize(part, LONGEST_EDGE_DEG)
    flat = shapely.transform(
        divided, lambda p: np.column_stack([np.radians(p[:, 0] + turn_deg), np.sin(np.radians(p[:, 1]))])
    )
    return shapely.simplify(flat, STRAIGHT)


def _halved(shape: shapely.Geometry, depth: int = 0) -> Iterator[shapely.Geometry]:
    """Polygons of few vertices that a shape is made of."""
    for part in shapely.get_parts(shape):
        if shapely.get_type_id(part) != shapely.GeometryType.POLYGON or shapely.area(part) == 0:
            continue
        if shapely.get_num_coordinates(part) <= MOST_VERTICES or depth == DEEPEST:
            yield part
            continue
        west, south, east, north = shapely.bounds(part).tolist()
        x, y = (west + east) / 2, (south + north) / 2
        is_wide = east - west > north - south
        halves = ((west, south, x, north), (x, south, east, north)) if is_wide else (
            (west, south, east, y), (west, y, east, north))  # fmt: skip
        for half in halves:
            yield from _halved(shapely.intersection(part, shapely.box(*half)), depth + 1)
