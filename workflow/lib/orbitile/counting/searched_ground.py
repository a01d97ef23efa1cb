"""The ground on which craters of each size were searched: valid pixels of the scales that hold it, unless hidden."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
import shapely

from orbitile.features.footprints import searched_shape
from orbitile.features.shapes.lonlat_shapes import (
    area_on_sphere_km2,
    contains_places,
    only_polygons,
)
from orbitile.space.bodies import Body
from orbitile.tables.enlarged_rasters import NOT_ENLARGED, SearchedRaster, searched_rasters
from orbitile.tables.failed_windows import failed_on_maps
from orbitile.tables.rasters import RasterRow


class DiameterRange(NamedTuple):
    """The diameters in kilometres that a scale holds: from the least that shows to the largest that fits in a tile."""

    least_km: float
    most_km: float


@dataclass(frozen=True, eq=False)
class SizeGround:
    """The ground (degrees) on which craters from one diameter to another were searched, and its area."""

    from_km: float
    to_km: float
    shape: shapely.Geometry
    area_km2: float


@dataclass(frozen=True, eq=False)
class AreaGround:
    """The searched ground in an area, by ranges of diameters that follow each other, from small to large."""

    sizes: tuple[SizeGround, ...]
    radius_m: float

    @cached_property
    def shape(self) -> shapely.Geometry:
        """Where craters of any size were searched."""
        return only_polygons(shapely.union_all([size.shape for size in self.sizes]))

    @cached_property
    def area_km2(self) -> float:
        """The area of `shape`."""
        return area_on_sphere_km2(self.shape, self.radius_m)

    @property
    def limits(self) -> DiameterRange:
        """The least and the largest diameter that are searched anywhere; (nan, nan) for no ground."""
        searched = [size for size in self.sizes if size.area_km2 > 0]
        return DiameterRange(searched[0].from_km, searched[-1].to_km) if searched else DiameterRange(np.nan, np.nan)

    def numbers(self, diameter_km: np.ndarray) -> np.ndarray:
        """The numbers (n) of the ranges in `sizes` that diameters (n) lie in; -1 where no scale holds them."""
        if not self.sizes:
            return np.full(len(diameter_km), -1)
        limits = np.array([*(size.from_km for size in self.sizes), self.sizes[-1].to_km])
        number = np.searchsorted(limits, diameter_km, side="right") - 1
        number = np.where(diameter_km == limits[-1], len(self.sizes) - 1, number)
        return np.where(number < len(self.sizes), number, -1)

    def areas_km2(self, diameter_km: np.ndarray) -> np.ndarray:
        """The area (n) on which craters of diameters (n) were searched; 0 where no scale holds them."""
        return np.array([*(size.area_km2 for size in self.sizes), 0.0])[self.numbers(diameter_km)]

    def holds(self, lon: np.ndarray, lat: np.ndarray, diameter_km: np.ndarray) -> np.ndarray:
        """Which craters (n) have their centre on ground on which their size was searched."""
        is_held, numbers = np.zeros(len(lon), bool), self.numbers(diameter_km)
        for number, size in enumerate(self.sizes):
            rows = np.flatnonzero(numbers == number)
            is_held[rows] = contains_places(size.shape, lon[rows], lat[rows])
        return is_held


@dataclass(frozen=True, eq=False)
class SearchedGround:
    """The footprints (degrees) of all scenes by scale in m/px, and the diameters that each scale holds.

    `excluded` is ground on which nobody could have seen a crater.
    """

    footprints: Mapping[float, np.ndarray]
    ranges: Mapping[float, DiameterRange]
    excluded: shapely.Geometry | None
    body: Body

    @classmethod
    def of(
        cls, rasters: Sequence[RasterRow], ranges: Mapping[float, DiameterRange], body: Body,
        failed: Sequence[Mapping[str, str]] = (), excluded: shapely.Geometry | None = None,
        enlarged: Mapping[float, int] = NOT_ENLARGED,
    ) -> Self:  # fmt: skip
        """The ground of scenes' rasters at all scales; `failed` are the exclusions of a catalogue's manifest.

        `enlarged` holds the factors of scales that were searched in enlarged pixels. What failed is left out up to the
        edges of the tiles: rather too much than too little.
        """
        searched = searched_rasters(rasters, ranges, enlarged)
        footprints = {
            scale_m: _footprints([raster for raster in searched if raster.scale_m == scale_m], failed, body.radius_m)
            for scale_m in sorted({raster.scale_m for raster in searched})
        }
        return cls({scale_m: shapes for scale_m, shapes in footprints.items() if len(shapes)}, ranges, excluded, body)

    def within(self, area: shapely.Geometry) -> AreaGround:
        """The searched ground in a shape in degrees."""
        by_scale = {scale_m: self._seen(area, footprints) for scale_m, footprints in self.footprints.items()}
        limits = sorted({limit for scale_m in by_scale for limit in self.ranges[scale_m]})
        united: dict[tuple[float, ...], tuple[shapely.Geometry, float]] = {}
        sizes = []
        for least, most in pairwise(limits):
            scales = tuple(s for s in by_scale if self.ranges[s].least_km <= least and most <= self.ranges[s].most_km)
            if scales not in united:
                shape = only_polygons(shapely.union_all([by_scale[scale_m] for scale_m in scales]))
                united[scales] = shape, area_on_sphere_km2(shape, self.body.radius_m)
            sizes.append(SizeGround(least, most, *united[scales]))
        return AreaGround(tuple(sizes), self.body.radius_m)

    def _seen(self, area: shapely.Geometry, footprints: np.ndarray) -> shapely.Geometry:
        near = footprints[shapely.STRtree(footprints).query(area, predicate="intersects")]
        seen = shapely.intersection(area, shapely.union_all(near))
        return only_polygons(seen if self.excluded is None else shapely.difference(seen, self.excluded))


def _footprints(scenes: Sequence[SearchedRaster], failed: Sequence[Mapping[str, str]], radius_m: float) -> np.ndarray:
    """Where scenes (n) hold data at a scale and did not fail there, in degrees; those that did everywhere are none."""
    failed_shapes = failed_on_maps(failed, scenes)
    shapes = [searched_shape(scene.stored, failed_shapes.get(scene.stored.scene), radius_m) for scene in scenes]
    return np.array([shape for shape in shapes if not shapely.is_empty(shape)], object)
