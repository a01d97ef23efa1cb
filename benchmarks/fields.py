"""Made-up fields of detections for benchmarks of suppression, on a plane and on the Moon.

Diameters follow a power law, as craters do, and about half of the boxes are near copies of others, as detectors
make them at tile edges and across scales. Density is counted in smallest boxes, and the same for every size and on
both surfaces, so that a box has about as many neighbours everywhere. Everything is drawn in chunks, each from its own
seed: a field of 10^8 boxes goes to disk with a few hundred megabytes of memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SEED = 20250
CHUNK = 1_000_000
# Boxes on an area of the smallest diameter squared. With 10 m as the smallest that is a box per 1000 m2, half of them
# copies: 3 % of what craters can saturate a surface with.
DENSITY = 0.1
SMALLEST_M = 10.0
LARGEST_M = 1e6
MOON_RADIUS_M = 1_737_400.0
# Of position and size of a copy, as a share of the box's size.
JITTER = 0.05
# Share of copies that have exactly the score of their original.
TIED = 0.02
# float32 holds every multiple of 2^-24 up to 1.
SCORES = 2**24

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Draw:
    """Boxes without places: box k lies off the place of original `origin[k]` by `east` and `north` (metres)."""

    origin: np.ndarray
    originals: int
    width: np.ndarray
    height: np.ndarray
    east: np.ndarray
    north: np.ndarray
    scores: np.ndarray


def plane(count: int) -> Iterator[Arrays]:
    """Chunks of a square: corners (n, 4: xmin, ymin, xmax, ymax) in metres and scores, both float32."""
    side = SMALLEST_M * np.sqrt(count / DENSITY)
    for number, size in enumerate(_sizes(count)):
        rng = np.random.default_rng([SEED, number])
        draw = _draw(rng, size, SMALLEST_M, min(LARGEST_M, side), _score_steps(count, number))
        x, y = (rng.random((2, draw.originals)) * side)[:, draw.origin]
        x, y = x + draw.east, y + draw.north
        half = draw.width / 2, draw.height / 2
        corners = np.column_stack([x - half[0], y - half[1], x + half[0], y + half[1]]).astype(np.float32)
        yield dict(corners=_ordered_ties(corners, draw.scores), scores=draw.scores)


def moon(count: int) -> Iterator[Arrays]:
    """Chunks that cover the whole Moon, poles and antimeridian included.

    lon and lat in degrees (float64: in float32 the steps of a longitude are half a metre), width and height in lunar
    radii, and scores (float32). As the area is given, the smallest box depends on the number: 6 km with 10^5 boxes,
    195 m with 10^8.
    """
    smallest = MOON_RADIUS_M * np.sqrt(4 * np.pi * DENSITY / count)
    for number, size in enumerate(_sizes(count)):
        rng = np.random.default_rng([SEED, number])
        draw = _draw(rng, size, smallest, LARGEST_M, _score_steps(count, number))
        lon = rng.uniform(-np.pi, np.pi, draw.originals)[draw.origin]
        lat = np.arcsin(rng.uniform(-1, 1, draw.originals))[draw.origin]
        lon, lat = _moved(lon, lat, draw.east / MOON_RADIUS_M, draw.north / MOON_RADIUS_M)
        width, height = ((side / MOON_RADIUS_M).astype(np.float32) for side in (draw.width, draw.height))
        yield dict(lon=np.degrees(lon), lat=np.degrees(lat), width=width, height=height, scores=draw.scores)


def write(chunks: Iterator[Arrays], count: int, folder: Path) -> None:
    """Write a field to one .npy file per array, chunk by chunk."""
    folder.mkdir(parents=True)
    files: Arrays = {}
    start = 0
    for chunk in chunks:
        for name, part in chunk.items():
            if name not in files:
                shape = (count, *part.shape[1:])
                files[name] = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", part.dtype, shape)
            files[name][start : start + len(part)] = part
        start += len(chunk["scores"])


def read(folder: Path) -> Arrays:
    """All arrays of a field, in memory."""
    return {path.stem: np.load(path) for path in sorted(folder.glob("*.npy"))}


def _sizes(count: int) -> list[int]:
    return [min(CHUNK, count - start) for start in range(0, count, CHUNK)]


def _score_steps(count: int, number: int) -> tuple[int, int]:
    """Stride and start of a chunk's scores: chunks share none, so that ties never reach across them."""
    return len(_sizes(count)), number + 1


def _draw(rng: np.random.Generator, count: int, smallest: float, largest: float, steps: tuple[int, int]) -> Draw:
    originals = count - count // 2
    copies = count - originals
    origin = np.concatenate([np.arange(originals), rng.integers(0, originals, copies)])
    # N(>D) falls with D^-2, cut off at the largest.
    diameter = smallest / np.sqrt(1 - rng.random(originals) * (1 - (smallest / largest) ** 2))
    aspect = np.exp(rng.uniform(np.log(0.8), np.log(1.25), originals) / 2)
    width, height = (diameter * aspect)[origin], (diameter / aspect)[origin]
    noise = rng.normal(0, JITTER, (4, count))
    noise[:, :originals] = 0
    east, north = noise[0] * width, noise[1] * height
    width, height = width * np.exp(noise[2]), height * np.exp(noise[3])
    stride, first = steps
    scores = ((rng.integers(0, SCORES // stride, count) * stride + first) / SCORES).astype(np.float32)
    tied = originals + np.flatnonzero(rng.random(copies) < TIED)
    scores[tied] = scores[origin[tied]]
    mixed = rng.permutation(count)
    return Draw(origin[mixed], originals, width[mixed], height[mixed], east[mixed], north[mixed], scores[mixed])


def _ordered_ties(corners: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Swap boxes of equal score so that the first in the list is the first by its coordinates, too.

    Some programs break ties by index and some by coordinates: so they all do the same.
    """
    ordered = np.empty_like(corners)
    by_coordinates = np.lexsort((corners[:, 3], corners[:, 2], corners[:, 1], corners[:, 0], scores))
    ordered[np.argsort(scores, kind="stable")] = corners[by_coordinates]
    return ordered


def _moved(lon: np.ndarray, lat: np.ndarray, east: np.ndarray, north: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (radians) some way off others along their tangent planes, right up to the poles."""
    x = np.cos(lat) - north * np.sin(lat)
    z = np.sin(lat) + north * np.cos(lat)
    turned = lon + np.arctan2(east, x)
    return (turned + np.pi) % (2 * np.pi) - np.pi, np.arctan2(z, np.hypot(x, east))
