"""Suppression as it is defined, box by box, and made-up crowds of boxes to test it with.

Written from the definition, for small numbers of boxes: every box with every other, in float64.
"""

from dataclasses import dataclass

import numpy as np

from orbitile.detections.nms.boxes import Boxes, GroundBoxes, PlaneBoxes
from orbitile.space.ground import destination, wrap_longitude

MOON_M = 1737400.0
CLOSE_CALL = 1e-9
"""How near to the threshold rounding may decide."""


def iou_table(boxes: Boxes, other_boxes: Boxes, shape: str = "box") -> np.ndarray:
    """IoU of every box with every other (n, m)."""
    (width, height), (other_width, other_height) = _sides(boxes), _sides(other_boxes)
    sides = width[:, None], height[:, None], other_width[None], other_height[None]
    east, north, apart = (
        _on_plane(boxes, other_boxes) if isinstance(boxes, PlaneBoxes) else _on_ground(boxes, other_boxes)
    )
    if shape == "circle":
        return _circles(0.25 * (sides[0] + sides[1]), 0.25 * (sides[2] + sides[3]), apart)
    wide = _shared(sides[0], sides[2], np.abs(east))
    high = _shared(sides[1], sides[3], np.abs(north))
    shared = wide * high
    areas = sides[0] * sides[1] + sides[2] * sides[3]
    return np.divide(shared, areas - shared, out=np.zeros_like(shared), where=shared > 0)


def survivors_by_definition(values: np.ndarray, order: np.ndarray, threshold: float) -> np.ndarray:
    """Which boxes (n, bool) are left when each, in order, is kept unless it overlaps one that is."""
    alive = np.zeros(len(values), bool)
    for box in order:
        alive[box] = not (values[box, alive] > threshold).any()
    return alive


def order_of(boxes: Boxes, score: np.ndarray) -> np.ndarray:
    """The order of priority: by score, then place and size, then the order of input."""
    return np.lexsort([np.arange(len(boxes)), *rows_of(boxes)[::-1], -np.asarray(score, float)])


def rows_of(boxes: Boxes) -> list[np.ndarray]:
    """What tells boxes of one score apart, first things first."""
    if isinstance(boxes, PlaneBoxes):
        return list(boxes.corners.T)
    point = _points(boxes)
    return [point[:, 2], boxes.width, boxes.height, point[:, 0], point[:, 1]]


def is_close_call(values: np.ndarray, threshold: float, margin: float = CLOSE_CALL) -> bool:
    """Whether rounding may decide about a pair."""
    return bool((np.abs(values - threshold) < margin).any())


def select_boxes(boxes: Boxes, index: np.ndarray) -> Boxes:
    """The boxes of an index."""
    if isinstance(boxes, PlaneBoxes):
        return PlaneBoxes(boxes.corners[index])
    return GroundBoxes(*(column[index] for column in boxes.columns))


@dataclass(frozen=True)
class Crowd:
    """Boxes and their scores: a few reports each of some objects."""

    boxes: Boxes
    score: np.ndarray


PLACES = dict(equator=(0, 0), antimeridian=(180, 15), north=(40, 90), south=(-120, -90), near_pole=(0, 89.7))


def ground_crowd(seed: int, place: str | None = None, count: int = 150, ties: bool = False) -> Crowd:
    """Reports of objects from 10 m to 1000 km on the Moon, gathered around a place or anywhere.

    Sizes follow a power law; the farther out, the larger, so that all of them meet others of their size.
    """
    rng = np.random.default_rng(seed)
    diameter = power_law(rng, count // 4, 10, 1e6)
    if place is None:
        lon, lat = rng.uniform(-180, 180, len(diameter)), np.degrees(np.arcsin(rng.uniform(-1, 1, len(diameter))))
    else:
        lon, lat = (np.full(len(diameter), float(value)) for value in PLACES[place])
        lon, lat = _moved(rng, lon, lat, 0.7 * diameter)
    object_of_report = rng.integers(0, len(diameter), count)
    diameter = diameter[object_of_report]
    lon, lat = _moved(rng, lon[object_of_report], lat[object_of_report], 0.12 * diameter)
    width, height = diameter * np.exp(rng.normal(0, 0.15, (2, count)))
    boxes = GroundBoxes(wrap_longitude(lon), lat, width / MOON_M, height / MOON_M)
    return Crowd(boxes, scores(rng, count, ties))


def plane_crowd(seed: int, count: int = 150, ties: bool = False, dtype: type = np.float32) -> Crowd:
    """Reports of objects from 3 to 3000 pixels in an image."""
    rng = np.random.default_rng(seed)
    diameter = power_law(rng, count // 4, 3, 3000)
    x, y = rng.normal(0, 1, (2, len(diameter))) * diameter + 1000
    object_of_report = rng.integers(0, len(diameter), count)
    centre = np.stack([x, y])[:, object_of_report] + rng.normal(0, 0.12, (2, count)) * diameter[object_of_report]
    half = 0.5 * diameter[object_of_report] * np.exp(rng.normal(0, 0.15, (2, count)))
    return Crowd(PlaneBoxes(np.concatenate([centre - half, centre + half]).T.astype(dtype)), scores(rng, count, ties))


def power_law(rng: np.random.Generator, count: int, least: float, most: float) -> np.ndarray:
    """Sizes of which each decade holds a third fewer than the smaller one before it."""
    exponent = -0.17
    return least * (1 - rng.random(count) * (1 - (most / least) ** exponent)) ** (1 / exponent)


def scores(rng: np.random.Generator, count: int, ties: bool) -> np.ndarray:
    """Scores from 0.25 to 1 in steps: few steps, or each of them once."""
    steps = rng.integers(0, 4, count) / 4 if ties else rng.permutation(count) / count
    return (0.25 + 0.75 * steps).astype(np.float32)


def _moved(rng: np.random.Generator, lon: np.ndarray, lat: np.ndarray, sigma_m: np.ndarray) -> tuple:
    """Places moved at random, but not around the body."""
    east, north = np.clip(rng.normal(0, 1, (2, len(lon))) * sigma_m, -MOON_M, MOON_M)
    return destination(lon, lat, east, north, MOON_M)


def _sides(boxes: Boxes) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(boxes, PlaneBoxes):
        left, bottom, right, top = boxes.corners.astype(float).T
        return right - left, top - bottom
    return boxes.width, boxes.height


def _shared(length: np.ndarray, other_length: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """What intervals of some lengths have in common whose middles lie apart."""
    return np.maximum(np.minimum((length + other_length) / 2 - apart, np.minimum(length, other_length)), 0)


def _circles(r: np.ndarray, s: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """IoU of circles, as areas of segments of both."""
    large, small = np.maximum(r, s), np.minimum(r, s)
    safe = np.where(apart > 0, apart, 1)
    angles = [
        2 * np.arccos(np.clip((safe**2 + a**2 - b**2) / (2 * safe * a), -1, 1))
        for a, b in ((large, small), (small, large))
    ]
    lens = sum(0.5 * a**2 * (angle - np.sin(angle)) for a, angle in zip((large, small), angles, strict=True))
    shared = np.where(apart >= large + small, 0, np.where(apart <= large - small, np.pi * small**2, lens))
    return shared / (np.pi * (large**2 + small**2) - shared)


def _points(boxes: GroundBoxes) -> np.ndarray:
    lon, lat = np.radians(wrap_longitude(boxes.lon)), np.radians(boxes.lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def _on_plane(boxes: PlaneBoxes, other_boxes: PlaneBoxes) -> tuple[np.ndarray, ...]:
    a, b = (0.5 * (each.corners[:, :2].astype(float) + each.corners[:, 2:]) for each in (boxes, other_boxes))
    east, north = np.moveaxis(b[None] - a[:, None], 2, 0)
    return east, north, np.hypot(east, north)


def _on_ground(boxes: GroundBoxes, other_boxes: GroundBoxes) -> tuple[np.ndarray, ...]:
    """Where the others lie on a map around the middle of each great circle: east, north, and its length."""
    a, b = _points(boxes)[:, None], _points(other_boxes)[None]
    chord, middle = b - a, a + b
    length = np.linalg.norm(chord, axis=-1)
    arc = 2 * np.arcsin(np.clip(length / 2, 0, 1))
    up = middle / np.maximum(np.linalg.norm(middle, axis=-1, keepdims=True), 1e-300)
    east = np.stack([-up[..., 1], up[..., 0], np.zeros(up.shape[:2])], axis=-1)
    east /= np.maximum(np.linalg.norm(east, axis=-1, keepdims=True), 1e-300)
    stretch = np.where(length > 0, arc / np.maximum(length, 1e-300), 1)
    parts = [(chord * axis).sum(axis=-1) * stretch for axis in (east, np.cross(up, east))]
    return *parts, arc
