"""Made-up scenes of round objects of known place and size, and a detector that reports what each tile shows of them.

Every edge of every box is off by up to `JITTER_PX`, anew in every tile. Its reports go through the library's tiles,
`untile` and suppression.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from affine import Affine
from plain_suppression import MOON_M
from pyproj import CRS

from orbitile.detections.nms.catalogue_nms import catalogue_nms, select_candidates
from orbitile.detections.nms.settings import NmsSettings
from orbitile.detections.tiling import SizeLimits, TileSize, touch_nodata
from orbitile.settings import Settings
from orbitile.space.grids import Grid
from orbitile.space.mosaics import LendingRules, lending_neighbours
from orbitile.stages.tile import TiledScene
from orbitile.stages.untile import UntileInputs, untile
from orbitile.tables.detections import BOX, TILE_DETECTIONS
from orbitile.tables.enlarged_rasters import SearchedRaster
from orbitile.tables.parquet import read_table, write_table
from orbitile.tables.rasters import RasterRow, write_rasters
from orbitile.tables.tiles import CORE, SCHEMA

WKT = CRS("IAU_2015:30110").to_wkt()
GSD_M = 10.0
JITTER_PX = 1.0


def least_size(threshold, jitter=JITTER_PX, finer=None):
    """The size of the smallest object whose reports surely unite; `finer` is another report's jitter, if less."""
    finer, root = jitter if finer is None else finer, threshold**0.5
    return (2 * jitter + 2 * finer * root) / (1 - root)


SMALLEST_PX = least_size(0.4) + 0.01


def scale(gsd_m=GSD_M, tile_px=128, overlap_px=64, min_object_px=SMALLEST_PX + 2 * JITTER_PX):
    return dict(gsd_m=gsd_m, tile_px=tile_px, overlap_px=overlap_px, min_object_px=min_object_px)


def settings_of(*scales, **suppression):
    """Settings in which classes do not keep objects from suppressing each other: the class is the object's number."""
    return Settings.model_validate(
        dict(run="r", body="Moon", scenes="scenes.csv", model=dict(weights="w", sha256="0" * 64), scales=scales,
             suppression=dict(class_aware=False) | suppression)
    )  # fmt: skip


def largest_in(settings, jitter_px=JITTER_PX):
    """The largest object, in pixels of the coarsest scale, that is never measured too large."""
    return settings.scales[-1].largest_object_px - 2 * jitter_px - 0.01


@dataclass(frozen=True)
class Image:
    """A scene: columns and rows of the map at the finest scale, where rows count down."""

    name: str
    left: int
    top: int
    right: int
    bottom: int

    @property
    def grid(self):
        transform = Affine(GSD_M, 0, self.left * GSD_M, 0, -GSD_M, -self.top * GSD_M)
        return Grid(WKT, transform, self.right - self.left, self.bottom - self.top)


def single(left, top, right, bottom):
    return [Image("only", left, top, right, bottom)]


@dataclass(frozen=True)
class World:
    """Scenes, what lies in them (n, 3: column, row and size at the finest scale), and how it is looked for.

    Jitter is "even", or "extreme": each edge of a box is off as far as may be. With `nested`, all edges
    of one box go out or in.
    """

    images: list[Image]
    discs: np.ndarray
    settings: Settings
    margin: str = "auto"
    jitter: str = "even"
    jitter_px: float = JITTER_PX
    seed: int = 0

    @property
    def boxes(self):
        """The objects' boxes (n, 4) in pixels of the finest scale."""
        half = self.discs[:, 2:] / 2
        return np.concatenate([self.discs[:, :2] - half, self.discs[:, :2] + half], axis=1)

    @cached_property
    def lenders(self):
        grids = {image.name: image.grid for image in self.images}
        factors = np.array(self.settings.factors)
        return lending_neighbours(grids, LendingRules(self.margin, self.settings.margin_m, int(np.lcm.reduce(factors))))

    @cached_property
    def rasters(self):
        """Rows of the table of rasters; their pixels are made up, too."""
        return [self._raster(image, s.gsd_m) for image in self.images for s in self.settings.scales]

    def _raster(self, image, gsd_m):
        grid = image.grid.coarser(round(gsd_m / GSD_M))
        lenders = self.lenders[image.name]
        return RasterRow(
            image.name, gsd_m, __file__, WKT, list(grid.transform)[:6], grid.width, grid.height, 1.0, [0.0], [255.0],
            "projected", in_mosaic=lenders is not None, lenders=[lender.scene for lender in lenders or []],
            longitude_wraps=[lender.longitude_wraps for lender in lenders or []],
        )  # fmt: skip

    def size_limits(self, gsd_m):
        return SizeLimits(**self.settings.size_limits[gsd_m])

    @property
    def rules(self):
        return NmsSettings(**self.settings.nms_settings, radius_m=MOON_M)

    def seen_by(self, raster):
        """The images that the tiles of a raster look into."""
        return [image for image in self.images if image.name in (raster.scene, *raster.lenders)]


class Search:
    """What the made-up detector sees in the tiles of a raster, in its pixels."""

    def __init__(self, world, raster, rng):
        self.world, self.raster, self.rng = world, raster, rng
        self.size = TileSize(**world.settings.tile_sizes[raster.scale_m])
        self.tiles = TiledScene(SearchedRaster(raster, raster.scale_m), self.size).tiles
        self.factor = raster.scale_m / GSD_M
        self.origin = np.tile(raster.grid.index, 2)

    @cached_property
    def windows(self):
        return np.array([(w.col, w.row, w.col + w.width, w.row + w.height) for w in (t.window for t in self.tiles)])

    @cached_property
    def data(self):
        """Where data are, in pixels of the raster with a tile's side around it: a mask."""
        side = self.size.tile_px
        mask = np.zeros((self.raster.height + 2 * side, self.raster.width + 2 * side), bool)
        for image in self.world.seen_by(self.raster):
            edges = np.array([image.left, image.top, image.right, image.bottom]) / self.factor
            first, last = np.floor(edges[:2]).astype(int), np.ceil(edges[2:]).astype(int)
            left, top, right, bottom = np.maximum(np.concatenate([first, last]) - self.origin + side, 0)
            mask[top:bottom, left:right] = True
        return mask

    def ends(self):
        """Where the data that tiles see end (4), in pixels of the raster; they have no holes."""
        images = self.world.seen_by(self.raster)
        low = np.min([(one.left, one.top) for one in images], axis=0)
        high = np.max([(one.right, one.bottom) for one in images], axis=0)
        return np.concatenate([low, high]) / self.factor - self.origin

    def reports(self):
        """The boxes of each tile: what it sees of each object, complete or not, if it is large enough."""
        number, disc, seen = self._seen()
        window = self.windows[number]
        seen = np.clip(self._jittered(seen), window[:, [0, 1, 0, 1]], window[:, [2, 3, 2, 3]])
        in_tile = (seen - window[:, [0, 1, 0, 1]]).astype(np.float32)
        score = self.rng.uniform(0.3, 1, len(seen))
        return pd.DataFrame(dict(
            scene=self.raster.scene, scale_m=self.raster.scale_m, tile=number, score=score.astype(np.float32),
            truncated=self._cut(number, in_tile), **dict(zip(BOX, in_tile.T, strict=True)),
        ) | {"class": disc.astype(str)})  # fmt: skip

    def _seen(self):
        """Which tiles see something of which objects, and what (n, 4); row by row of tiles."""
        boxes, windows, ends = self.world.boxes / self.factor - self.origin, self.windows, self.ends()
        boxes = np.concatenate([np.maximum(boxes[:, :2], ends[:2]), np.minimum(boxes[:, 2:], ends[2:])], axis=1)
        found = []
        for row in np.unique(windows[:, 1]):
            tiles = np.flatnonzero(windows[:, 1] == row)
            near = np.flatnonzero((boxes[:, 3] > row) & (boxes[:, 1] < windows[tiles[0], 3]))
            low = np.maximum(boxes[None, near, :2], windows[tiles, None, :2])
            high = np.minimum(boxes[None, near, 2:], windows[tiles, None, 2:])
            i, j = np.nonzero((high - low > 2 * self.world.jitter_px).all(axis=2))
            found.append((tiles[i], near[j], np.concatenate([low[i, j], high[i, j]], axis=1)))
        return (np.concatenate(some) for some in zip(*found, strict=True))

    def _jittered(self, boxes):
        outward = np.array([-1, -1, 1, 1]) * self.world.jitter_px
        shape = (len(boxes), 1) if self.world.jitter == "nested" else boxes.shape
        if self.world.jitter == "even":
            return boxes + outward * self.rng.uniform(-1, 1, shape)
        return boxes + outward * self.rng.choice([-1, 1], shape)

    def _cut(self, number, boxes):
        """What infer finds to touch pixels without data."""
        side, cut = self.size.tile_px, np.zeros(len(boxes), bool)
        for tile in np.unique(number):
            col, row = self.windows[tile, :2] + side
            valid = self.data[row : row + side, col : col + side]
            if not valid.all():
                own = number == tile
                cut[own] = touch_nodata(boxes[own], np.zeros(own.sum(), int), valid[None])
        return cut

    def table(self):
        """The table of tiles."""
        return pd.DataFrame([
            dict(scene=self.raster.scene, scale_m=self.raster.scale_m, tile=one.number, valid_share=1.0,
                 appearance=None, **vars(one.window), **dict(zip(CORE, one.core, strict=True)))
            for one in self.tiles
        ])  # fmt: skip


def placed_detections(world, folder):
    """All detections of a world's objects as `untile` writes them; tables go into a folder."""
    rng = np.random.default_rng(world.seed)
    searches = [Search(world, raster, rng) for raster in world.rasters]
    write_rasters(world.rasters, folder / "rasters.parquet")
    write_table(pd.concat([one.table() for one in searches]), SCHEMA, folder / "tiles.parquet")
    write_table(pd.concat([one.reports() for one in searches]), TILE_DETECTIONS, folder / "predictions.parquet")
    tables = UntileInputs(*(str(folder / f"{name}.parquet") for name in ("predictions", "tiles", "rasters")))
    limits = {gsd_m: world.size_limits(gsd_m) for gsd_m in world.settings.size_limits}
    untile(tables, limits, MOON_M, str(folder / "placed.parquet"))
    return read_table(folder / "placed.parquet")


def surviving_detections(world, folder):
    """What suppression leaves of them."""
    candidates = select_candidates(placed_detections(world, folder), world.rules)
    return candidates[catalogue_nms(candidates, world.rules).alive]
