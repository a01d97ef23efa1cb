"""infer: the network's raw detections in every tile of a group."""

import logging
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd

from orbitile.models.adapter import Boxes, ModelChoice, load
from orbitile.rasters.read import FILL, opened, read
from orbitile.space.grids import Window
from orbitile.tables.detections import BOX, RAW
from orbitile.tables.parquet import read_table, write_table
from orbitile.tables.rasters import RasterRow, read_rasters

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 10


def infer(tiles: str, rasters: str, choice: ModelChoice, tile_px: dict[float, int], out: str) -> None:
    """Run the network over a group's tiles; `tile_px` is the side of tiles at each scale in m/px."""
    table = read_table(tiles)
    where = {(row.scene, row.scale_m): row for row in read_rasters(rasters)}
    detector = load(choice)
    progress = _Progress(len(table))
    found = []
    for (scene, scale_m), part in table.groupby(["scene", "scale_m"], sort=True):
        images = _images(where[scene, scale_m], part, tile_px[scale_m])
        for batch, numbers in _batches(images, part["tile"].to_numpy(), choice.batch):
            boxes = detector.predict(batch)
            found.append(_rows(boxes, numbers).assign(scene=scene, scale_m=scale_m))
            progress.add(len(numbers), len(boxes.score))
    progress.end()
    write_table(pd.concat([pd.DataFrame(columns=RAW.names), *found]) if found else _nothing(), RAW, out)


def _images(raster: RasterRow, tiles: pd.DataFrame, side: int) -> Iterator[np.ndarray]:
    """Stretched 8-bit images of tiles, in order; rows of tiles are read in one band each.

    Tiles that reach beyond the scene are filled up with FILL.
    """
    with opened(raster.path) as source:
        for row, in_band in tiles.groupby("row", sort=True):
            height = int(in_band["height"].iloc[0])
            band = raster.stretch.apply(*read(source, Window(0, int(row), raster.width, height)))
            for col, width in zip(in_band["col"], in_band["width"], strict=True):
                image = np.full((side, side), FILL, np.uint8)
                image[:height, :width] = band[:, col : col + width]
                yield image


def _batches(images: Iterator[np.ndarray], numbers: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of images with their tile numbers."""
    for start in range(0, len(numbers), size):
        chosen = numbers[start : start + size]
        yield np.stack([next(images) for _ in chosen]), chosen


def _rows(boxes: Boxes, numbers: np.ndarray) -> pd.DataFrame:
    columns = dict(zip(BOX, boxes.corners.T, strict=True))
    return pd.DataFrame({"tile": numbers[boxes.tile], "class": boxes.label, "score": boxes.score} | columns)


def _nothing() -> pd.DataFrame:
    return pd.DataFrame(columns=RAW.names)


class _Progress:
    """Lines in the log about tiles done, rate and time left."""

    def __init__(self, total: int) -> None:
        self._total, self._done, self._found = total, 0, 0
        self._start = self._last = time.monotonic()

    def add(self, tiles: int, detections: int) -> None:
        self._done += tiles
        self._found += detections
        if time.monotonic() - self._last >= PROGRESS_SECONDS:
            self._last = time.monotonic()
            self._say()

    def end(self) -> None:
        self._say()

    def _say(self) -> None:
        seconds = max(time.monotonic() - self._start, 1e-9)
        rate = self._done / seconds
        left = (self._total - self._done) / rate if rate else 0
        log.info(
            "%d of %d tiles, %d detections, %.1f tiles/s, %.0f s left", self._done, self._total, self._found, rate, left
        )
