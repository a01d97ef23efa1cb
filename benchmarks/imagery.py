"""Rasters to measure with, their tiles, and what is found in them: made up from a fixed seed, the same for all.

A raster is texture with real relief of the Moon (the demo's scenes) pasted in, turned and mirrored. Canned answers
are what a network's head would say of a tile, without the network; a tile's own pixels choose which, so that a
tile gets the same answer from whoever asks and in whatever order.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import torch
from affine import Affine
from scipy.spatial import cKDTree

from orbitile.detections.tiling import TileSize, scene_tiles, spans_of_scene
from orbitile.rasters.stretch import Stretch
from orbitile.space.grids import Window

SEED = 20250
CELL_PX = 2048
"""The relief lies on a grid of this pitch; where none fits there is texture."""
SPARSE_EVERY = 8
"""In a sparse raster, one in so many cells of each row has content."""
NOISE = 2.0
"""Standard deviation in grey values, so that the copies of a scene are not the same pixels."""

STRIDES = (8, 16, 32)
"""Of the anchors of a YOLO head, in pixels."""
ANCHORS_OF_AN_OBJECT = 4
JITTER = 0.04
"""Of place and size of an object's anchors, as a share of its size."""
BANK = 64
"""Different answers."""

TOLERANCES = (1.0, 1.0, 1.0, 1.0, 0.01)
"""Pixels of each corner, and score: closer boxes count as the same."""


@dataclass(frozen=True)
class Kind:
    """Pixels of a type: values of grey 0..255, and the stretch that leads back."""

    dtype: str
    scale: float
    stretch: Stretch


KINDS = {
    "uint8": Kind("uint8", 1, Stretch((0,), (255,))),
    "uint16": Kind("uint16", 16, Stretch((0,), (4080,))),
    "float32": Kind("float32", 1 / 1024, Stretch((0,), (255 / 1024,))),
}


def write_raster(
    path: Path, side: int, relief: Sequence[Path], kind: str = "uint8", channels: int = 1, sparse: bool = False,
    **profile: object,
) -> None:  # fmt: skip
    """Write a square raster of `side` pixels, band by band; `profile` are GDAL's options of GeoTIFF."""
    scenes = [_pixels(scene) for scene in relief]
    about = dict(driver="GTiff", width=side, height=side, count=channels, dtype=KINDS[kind].dtype,
                 transform=Affine(100, 0, 0, 0, -100, 0)) | profile  # fmt: skip
    if sparse:
        about |= dict(SPARSE_OK=True)
    with (
        rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS"),
        rasterio.open(path, "w", **about, BIGTIFF="IF_SAFER") as sink,
    ):
        for number, top in enumerate(range(0, side, CELL_PX)):
            for left, grey in _cells(number, side, scenes, sparse):
                height, width = min(CELL_PX, side - top), grey.shape[1]
                pixels = _as_kind(grey[:height], KINDS[kind], np.random.default_rng([SEED, number, left, 1]))
                # Other channels are the first one in negative and in half.
                several = [pixels, pixels.max() - pixels, pixels // 2][:channels]
                sink.write(np.stack(several), window=((top, top + height), (left, left + width)))


def windows(width: int, height: int, size: TileSize) -> list[Window]:
    """The tiles of a raster, row by row."""
    return [tile.window for tile in scene_tiles(spans_of_scene(width, size), spans_of_scene(height, size))]


def canned_answers(objects: int, side: int) -> torch.Tensor:
    """Answers (BANK, 5, anchors) of a head with one class for tiles of a side in pixels, `objects` in each.

    Rows are centre, size and score. An object has several anchors that agree within JITTER, the best with a score
    of 0.3..0.95; all other anchors stay below 0.04. Boxes lie inside their tile.
    """
    rng = np.random.default_rng([SEED, objects, side])
    anchors = sum((side // stride) ** 2 for stride in STRIDES)
    answers = np.empty((BANK, 5, anchors), np.float32)
    for answer in answers:
        answer[:2] = rng.uniform(0, side, (2, anchors))
        answer[2:4] = rng.uniform(8, side / 8, (2, anchors))
        answer[4] = rng.uniform(0, 0.04, anchors)
        chosen = rng.permutation(anchors)[: objects * ANCHORS_OF_AN_OBJECT]
        answer[:, chosen] = _objects(rng, objects, side)
    return torch.from_numpy(answers)


def choice_of(images: torch.Tensor) -> torch.Tensor:
    """Which canned answer each image (n, channels, side, side) of grey values 0..1 gets: a hash of a few pixels."""
    sampled = images[:, 0, ::37, ::41].float().mul(255).round().long().flatten(1)
    weights = torch.arange(1, sampled.shape[1] + 1, device=sampled.device)
    return (sampled * weights).sum(dim=1) % BANK


def compare(ours: np.ndarray, theirs: np.ndarray) -> dict[str, int | float]:
    """How many of two sets of boxes are the same within TOLERANCES, one to one.

    Rows are the number of the tile or raster, left, top, right, bottom in pixels, and score.
    """
    matched = 0
    if len(ours) and len(theirs):
        first, second = (_scaled(boxes) for boxes in (ours, theirs))
        forth, back = _nearest(first, second), _nearest(second, first)
        matched = int((back[forth[forth >= 0]] == np.flatnonzero(forth >= 0)).sum())
    share = 2 * matched / max(len(ours) + len(theirs), 1)
    return dict(
        matched=matched, only_ours=len(ours) - matched, only_theirs=len(theirs) - matched, share=round(share, 6)
    )


def _pixels(path: Path) -> np.ndarray:
    with rasterio.open(path) as source:
        return source.read(1)


def _cells(number: int, side: int, scenes: list[np.ndarray], sparse: bool) -> Iterator[tuple[int, np.ndarray]]:
    """Left edges and grey values (float32) of the cells of a row."""
    rng = np.random.default_rng([SEED, number])
    texture = _texture()
    for place, left in enumerate(range(0, side, CELL_PX)):
        if sparse and (place + number) % SPARSE_EVERY:
            continue
        grey = np.roll(texture, rng.integers(CELL_PX, size=2), (0, 1))
        scene = np.rot90(scenes[rng.integers(len(scenes))], rng.integers(4))
        scene = scene[:, ::-1] if rng.integers(2) else scene
        height, width = (min(length, CELL_PX) for length in scene.shape)
        grey[:height, :width] += scene[:height, :width].astype(np.float32) - 128
        yield left, grey[:, : min(CELL_PX, side - left)]


def _texture() -> np.ndarray:
    """Noise around a middle grey."""
    rng = np.random.default_rng(SEED)
    return (128 + NOISE * rng.standard_normal((CELL_PX, CELL_PX), np.float32)).astype(np.float32)


def _as_kind(grey: np.ndarray, kind: Kind, rng: np.random.Generator) -> np.ndarray:
    """Grey values as pixels of a type, with noise below a step of grey where the type can hold it."""
    rounded = np.rint(np.clip(grey, 1, 255)).astype(np.float32)
    if kind.scale == 1:
        return rounded.astype(kind.dtype)
    fine = rng.integers(-6, 7, rounded.shape).astype(np.float32) / 16
    return (np.minimum(rounded + fine, 255) * np.float32(kind.scale)).astype(kind.dtype)


def _objects(rng: np.random.Generator, objects: int, side: int) -> np.ndarray:
    """Centres, sizes and scores (5, objects * ANCHORS_OF_AN_OBJECT) of objects inside a tile."""
    size = 10 / np.sqrt(1 - rng.random(objects) * (1 - (10 / (side / 4)) ** 2))  # N(>D) falls with D^-2
    centre = rng.uniform(size * 0.75, side - size * 0.75, (2, objects))
    score = rng.uniform(0.3, 0.95, objects)
    again = np.repeat(np.vstack([centre, size, size, score]), ANCHORS_OF_AN_OBJECT, axis=1)
    noise = rng.normal(0, JITTER, (4, again.shape[1])).clip(-3 * JITTER, 3 * JITTER)
    noise[:, ::ANCHORS_OF_AN_OBJECT] = 0
    again[:2] += noise[:2] * again[2]
    again[2:4] *= 1 + noise[2:]
    worse = np.arange(again.shape[1]) % ANCHORS_OF_AN_OBJECT != 0
    again[4, worse] *= rng.uniform(0.5, 0.99, worse.sum())
    return again


def _scaled(boxes: np.ndarray) -> np.ndarray:
    """Places in a space where tolerances are 1 and tiles far apart."""
    return np.column_stack([boxes[:, 1:] / TOLERANCES, boxes[:, 0] * 1e4])


def _nearest(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The number of the nearest of `others` within the tolerances, for each of some; -1 for none."""
    distance, number = cKDTree(others).query(some, p=np.inf, distance_upper_bound=1 + 1e-9)
    return np.where(np.isfinite(distance), number, -1)
