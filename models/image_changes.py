"""Images that were changed, with the truth that fits: what a network should not mind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import rasterio
from affine import Affine
from held_out_runs import HeldOut, Run
from pyproj import CRS

from orbitile.base.files import atomic
from orbitile.rasters.read import opened_raster
from orbitile.space.grids import Grid
from orbitile.space.ground import Ground
from orbitile.tables.craters import Craters

SHIFT_PX = (53, 37)
"""To the right and down."""
SMALLER = 0.9
STRETCH = (2.0, 98.0)
"""Percentiles that become black and white, unlike the usual ones of 0.5 and 99.5."""


@dataclass(frozen=True)
class Image:
    """An image with a single band of 8 bit: pixels (rows, columns), which of them are valid, map and transform.

    `crs` is None for images without a map.
    """

    name: str
    pixels: np.ndarray
    valid: np.ndarray
    transform: Affine
    crs: CRS | None

    @classmethod
    def read(cls, name: str, path: Path) -> Self:
        """The first band of a file."""
        with opened_raster(str(path)) as source:
            crs = CRS.from_wkt(source.crs.to_wkt()) if source.crs else None
            transform = source.transform if crs else Affine.identity()
            return cls(name, source.read(1), source.read_masks(1) > 0, transform, crs)

    def write(self, path: Path) -> None:
        """Write it as a GeoTIFF with a mask."""
        height, width = self.pixels.shape
        profile = dict(driver="GTiff", width=width, height=height, count=1, dtype="uint8", tiled=True,
                       compress="DEFLATE")  # fmt: skip
        if self.crs:
            profile |= dict(crs=self.crs.to_wkt(), transform=self.transform)
        environment = rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True)
        with atomic(path) as temporary, environment, rasterio.open(temporary, "w", **profile) as sink:
            sink.write(self.pixels, 1)
            sink.write_mask(self.valid)


class Change:
    """A change of images that leaves them as they are; what others change they override.

    Craters go by their places on the map in metres; without a map, by metres right of and above the image's upper left
    corner, one pixel being as many metres as the finest scale.
    """

    def __init__(self, name: str, title: str) -> None:
        self.name, self.title = name, title

    def image(self, image: Image) -> Image:
        """The image, changed."""
        return image

    def corners(self, boxes: np.ndarray, image: Image, gsd_m: float) -> np.ndarray:
        """Boxes (n, 4: xmin, ymin, xmax, ymax, metres) on the image, where they lie on the changed one."""
        return boxes

    def lonlat(self, craters: Craters, crs: CRS) -> Craters:
        """Craters on the body, where they lie after the change."""
        return craters

    def settings(self, settings: dict) -> dict:
        """The settings of a run over the changed images."""
        return settings


class GreyChange(Change):
    """A change of grey values (rows, columns; float64), which are rounded and clipped afterwards."""

    def __init__(self, name: str, title: str, change: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> None:
        super().__init__(name, title)
        self._change = change

    def image(self, image: Image) -> Image:
        """The image with other grey values; noise depends on the image's name alone."""
        random = np.random.default_rng(list(image.name.encode()))
        values = self._change(np.where(image.valid, image.pixels, np.nan).astype(float), random)
        pixels = np.clip(np.rint(np.nan_to_num(values)), 0, 255).astype(np.uint8)
        return replace(image, pixels=np.where(image.valid, pixels, 0))


class HalfTurn(Change):
    """A turn by 180 degrees: of the image, or, on a map, of the body, around the map's origin.

    On a cylindrical map of a sphere around the equator, x and y change their signs and craters stay as they are: the
    image stays upright, so that nothing turns it back.
    """

    def image(self, image: Image) -> Image:
        """The image, upside down."""
        height, width = image.pixels.shape
        t = image.transform
        turned = Affine(t.a, 0, -t.c - t.a * width, 0, t.e, -t.f - t.e * height) if image.crs else t
        return replace(image, pixels=image.pixels[::-1, ::-1], valid=image.valid[::-1, ::-1], transform=turned)

    def corners(self, boxes: np.ndarray, image: Image, gsd_m: float) -> np.ndarray:
        """Opposite corners change places."""
        height, width = (0, 0) if image.crs else image.pixels.shape
        return np.array([width, -height, width, -height]) * gsd_m - boxes[:, [2, 3, 0, 1]]

    def lonlat(self, craters: Craters, crs: CRS) -> Craters:
        """Opposite longitudes, as seen from the map's meridian, and latitudes."""
        origin = Ground(crs.to_wkt(), crs.ellipsoid.semi_major_metre).lonlat(np.zeros(1), np.zeros(1))
        middle = float(origin[0][0])
        return replace(craters, lon=(2 * middle - craters.lon + 180) % 360 - 180, lat=-craters.lat)


class Smaller(Change):
    """Images of fewer pixels of the same ground."""

    def image(self, image: Image) -> Image:
        """The image, resampled by areas of ground."""
        from PIL.Image import Resampling, fromarray

        height, width = (round(SMALLER * side) for side in image.pixels.shape)
        pixels, valid = (
            np.asarray(fromarray(np.ascontiguousarray(array)).resize((width, height), kind))
            for array, kind in ((image.pixels, Resampling.BICUBIC), (image.valid.astype(np.uint8), Resampling.NEAREST))
        )
        scale = Affine.scale(image.pixels.shape[1] / width, image.pixels.shape[0] / height)
        transform = image.transform @ scale if image.crs else image.transform
        return replace(image, pixels=pixels, valid=valid > 0, transform=transform)

    def corners(self, boxes: np.ndarray, image: Image, gsd_m: float) -> np.ndarray:
        """On a map they stay where they are."""
        return boxes if image.crs else boxes * SMALLER

    def settings(self, settings: dict) -> dict:
        """On a map pixels are larger; the same craters are judged."""
        evaluation = settings["evaluation"]
        settings = settings | dict(
            evaluation=evaluation | dict(min_diameter_px=evaluation["min_diameter_px"] * SMALLER)
        )
        if settings.get("pixel_coordinates"):
            return settings
        if "gsd_m" in settings:  # of a network of the zoo, which brings multiples
            return settings | dict(gsd_m=settings["gsd_m"] / SMALLER)
        return settings | dict(scales=[scale | dict(gsd_m=scale["gsd_m"] / SMALLER) for scale in settings["scales"]])


class Shift(Change):
    """Other tiles over the same pixels: by margins without data, or, on a map, by other coordinates of its origin."""

    def image(self, image: Image) -> Image:
        """The image with margins at its left and top, or on the map with the other origin."""
        right, down = SHIFT_PX
        if image.crs is None:
            margins = ((down, 0), (right, 0))
            return replace(image, pixels=np.pad(image.pixels, margins), valid=np.pad(image.valid, margins))
        t = image.transform
        crs = _with_origin(image.crs, right * t.a, down * t.e)
        moved = Affine(t.a, t.b, t.c + right * t.a, t.d, t.e, t.f + down * t.e)
        return replace(image, crs=crs, transform=moved)

    def corners(self, boxes: np.ndarray, image: Image, gsd_m: float) -> np.ndarray:
        """So many pixels further."""
        gsd_m = image.transform.a if image.crs else gsd_m
        right, down = SHIFT_PX
        return boxes + np.array([right, -down, right, -down]) * gsd_m


def _with_origin(crs: CRS, right_m: float, up_m: float) -> CRS:
    """A map's reference system with other coordinates at its origin."""
    words = crs.to_json_dict()
    added = {"False easting": right_m, "False northing": up_m}
    for parameter in words["conversion"]["parameters"]:
        parameter["value"] += added.get(parameter["name"], 0)
    words.pop("id", None)
    return CRS.from_json_dict(words | dict(name=f"{words['name']}, shifted"))


def _contrast(values: np.ndarray, share: float) -> np.ndarray:
    mean = np.nanmean(values)
    return mean + share * (values - mean)


def _percentile_stretch(values: np.ndarray) -> np.ndarray:
    low, high = np.nanpercentile(values, STRETCH)
    return (values - low) / max(high - low, 1) * 255


def _noisy(values: np.ndarray, sigma: float, random: np.random.Generator) -> np.ndarray:
    return values + random.normal(0, sigma, values.shape)


CHANGES: Sequence[Change] = (
    HalfTurn("turned", "turned by 180°"),
    GreyChange("brighter", "30 grey values brighter", lambda values, _: values + 30),
    GreyChange("times", "grey values x 1.2", lambda values, _: 1.2 * values),
    GreyChange("flat", "contrast x 0.8", lambda values, _: _contrast(values, 0.8)),
    GreyChange("stretched", "stretched from 2 to 98 %", lambda values, _: _percentile_stretch(values)),
    GreyChange("noise8", "noise of sigma 8", lambda values, random: _noisy(values, 8, random)),
    GreyChange("noise16", "noise of sigma 16", lambda values, random: _noisy(values, 16, random)),
    Smaller("smaller", "at 0.9 times the scale"),
    Shift("shifted", f"tiles shifted by {SHIFT_PX[0]}, {SHIFT_PX[1]} px"),
)


def changed_scenes(held_out: HeldOut, change: Change, folder: Path) -> dict[str, Path]:
    """Write the changed images of a set, those that are not there yet; their paths by scene."""
    paths = {name: folder / "images" / f"{held_out.name}-{change.name}" / f"{name}.tif" for name in held_out.scenes}
    for name, path in paths.items():
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            change.image(Image.read(name, held_out.scenes[name])).write(path)
    return paths


def changed_truth(held_out: HeldOut, change: Change, run: Run, craters: Craters, radius_m: float) -> pd.DataFrame:
    """The true craters of a set where they lie on the changed images, as a crater table; `run` is over the others."""
    agreement = {} if craters.agreement is None else dict(agreement=craters.agreement)
    if not held_out.in_pixels:
        first = Image.read("", next(iter(held_out.scenes.values())))
        moved = change.lonlat(craters, first.crs)
        return pd.DataFrame(dict(lon=moved.lon, lat=moved.lat, diameter_km=moved.diameter_m / 1000) | agreement)
    grid = run.rasters[0].grid
    corners, gsd_m = map_boxes(craters, grid, radius_m), grid.gsd_m
    boxes = moved_boxes(change, held_out, corners, craters.scene, gsd_m)
    col, row = (boxes[:, 0] + boxes[:, 2]) / 2 / gsd_m, -(boxes[:, 1] + boxes[:, 3]) / 2 / gsd_m
    diameter_px = (boxes[:, 2] - boxes[:, 0]) / gsd_m
    return pd.DataFrame(dict(scene=craters.scene, col_px=col, row_px=row, diameter_px=diameter_px) | agreement)


def map_boxes(craters: Craters, grid: Grid, radius_m: float) -> np.ndarray:
    """Boxes (n, 4) in metres around craters of scenes without a map, which all lie on one grid from (0, 0) on."""
    x, y = Ground(grid.crs_wkt, radius_m).xy(craters.lon, craters.lat, *grid.middle)
    half = craters.diameter_m / 2
    return np.column_stack([x - half, y - half, x + half, y + half])


def moved_boxes(
    change: Change, held_out: HeldOut, boxes: np.ndarray, scene: np.ndarray, gsd_m: float
) -> np.ndarray:  # fmt: skip
    """Boxes (n, 4; metres) on scenes (n), where they lie on the changed images."""
    moved = np.array(boxes, float)
    for name, path in held_out.scenes.items():
        members = scene == name
        if members.any():
            moved[members] = change.corners(boxes[members], Image.read(name, path), gsd_m)
    return moved
