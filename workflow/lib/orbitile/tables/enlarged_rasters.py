"""Rasters at the scales at which a network searches them, which may be finer than their pixels."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from orbitile.tables.rasters import RasterRow

NOT_ENLARGED: Mapping[float, int] = MappingProxyType({})
"""Where every scale has rasters of its own."""


class SearchedRaster(NamedTuple):
    """A raster as a network searches it: each of its pixels enlarged to `factor` by `factor`, of `scale_m` m/px."""

    stored: RasterRow
    scale_m: float
    factor: int = 1

    @property
    def row(self) -> RasterRow:
        """The row of the raster as it would be if it were stored enlarged; its file has the pixels of `stored`."""
        if self.factor == 1:
            return self.stored
        a, b, c, d, e, f = self.stored.transform
        return replace(
            self.stored, scale_m=self.scale_m, width=self.stored.width * self.factor,
            height=self.stored.height * self.factor, sources=None,
            transform=[a / self.factor, b / self.factor, c, d / self.factor, e / self.factor, f],
        )  # fmt: skip

    @property
    def first_pixel(self) -> tuple[int, int]:
        """Column and row of the first pixel on the map's lattice of enlarged pixels."""
        col, row = self.stored.grid.index
        return col * self.factor, row * self.factor


def searched_rasters(
    rows: Iterable[RasterRow], scales: Collection[float], enlarged: Mapping[float, int] = NOT_ENLARGED
) -> list[SearchedRaster]:
    """The rasters of a table at the scales to be searched, in m/px, scene by scene from fine to coarse.

    `enlarged` holds the factors of the scales that are made of larger pixels; a raster may serve several scales.
    """
    factors = {scale_m: enlarged.get(scale_m, 1) for scale_m in scales}
    searched = [
        SearchedRaster(row, scale_m, factor)
        for row in rows
        for scale_m, factor in factors.items()
        if row.scale_m == scale_m * factor
    ]
    return sorted(searched, key=lambda raster: (raster.stored.scene, raster.scale_m))


def rasters_at_all_scales(
    rows: Collection[RasterRow], enlarged: Mapping[float, int] = NOT_ENLARGED
) -> list[SearchedRaster]:
    """The rasters of a table at the scales that they have, and at those that are made of enlarged pixels."""
    return searched_rasters(rows, {row.scale_m for row in rows} | set(enlarged), enlarged)
