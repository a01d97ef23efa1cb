"""Put overlapping crops of Galileo images of Europa back together, and their masks into polygons.

    python demo/europa/prepare.py CROPS_FOLDER OUT_FOLDER

CROPS_FOLDER holds train/ and test/ with NAME_image.png and NAME_instances.png, where NAME is
region_column_row_number. Writes REGION.tif and REGION_plates.gpkg for each region. See README.md.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import geopandas
import numpy as np
import pyogrio
import rasterio
import shapely
from affine import Affine
from rasterio.features import shapes

REGIONS = {"Co": -60.0, "gg": 0.0, "dd": 60.0}
"""The regions that are more than a few crops, and the longitudes (degrees east) they are put at."""
MAP = "IAU_2015:50210"
DEGREE_M = np.pi * 1_560_800 / 180
PIXEL_M = 200.0
"""Made up, like the places: the crops come without a map. About what Galileo saw of these regions."""
CLASS = "chaos plate"


class Crop(NamedTuple):
    """A crop: where its first column and row lie in its region's mosaic, its pixels and its instances (0: none)."""

    col: int
    row: int
    pixels: np.ndarray
    instances: np.ndarray


class Region(NamedTuple):
    """A region put together: pixels, where there are any, and the plates as masks of their own (row, column, mask)."""

    pixels: np.ndarray
    covered: np.ndarray
    plates: list[tuple[int, int, np.ndarray]]


def read_crops(folder: Path, region: str) -> list[Crop]:
    """The crops of a region."""
    return [_read(path) for path in sorted(folder.glob(f"*/{region}_*_image.png"))]


def _read(path: Path) -> Crop:
    _, col, row, _, _ = path.stem.split("_")
    mask = path.with_name(path.name.replace("_image", "_instances"))
    return Crop(int(col), int(row), *(cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in (path, mask)))


def put_together(crops: list[Crop]) -> Region:
    """The mosaic of crops by their offsets; ValueError where overlapping crops hold other pixels or other plates."""
    left, top = min(crop.col for crop in crops), min(crop.row for crop in crops)
    crops = [crop._replace(col=crop.col - left, row=crop.row - top) for crop in crops]
    shape = tuple(max(end) for end in zip(*((c.row + c.pixels.shape[0], c.col + c.pixels.shape[1]) for c in crops),
                                          strict=True))  # fmt: skip
    pixels, covered = np.zeros(shape, np.uint8), np.zeros(shape, bool)
    for crop in crops:
        window = area(crop)
        if (pixels[window] != crop.pixels)[covered[window]].any():
            raise ValueError(f"the crop at {crop.col + left}, {crop.row + top} does not agree with those it overlaps")
        pixels[window], covered[window] = crop.pixels, True
    region = Region(pixels, covered, distinct(crops))
    check_plates(region, crops)
    return region


def area(crop: Crop) -> tuple[slice, slice]:
    """Where a crop lies in the mosaic (rows, columns)."""
    height, width = crop.pixels.shape
    return slice(crop.row, crop.row + height), slice(crop.col, crop.col + width)


def distinct(crops: list[Crop]) -> list[tuple[int, int, np.ndarray]]:
    """Each plate once (row, column, mask), however many crops hold it, in order of place."""
    groups = {}
    for crop in crops:
        for number in np.unique(crop.instances[crop.instances > 0]):
            rows, cols = np.nonzero(crop.instances == number)
            mask = crop.instances[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1] == number
            at = int(crop.row + rows.min()), int(crop.col + cols.min())
            groups[at, mask.shape, mask.tobytes()] = (*at, mask)
    return [groups[key] for key in sorted(groups)]


def union(region: Region) -> np.ndarray:
    """Where any plate lies (rows, columns)."""
    mask = np.zeros(region.pixels.shape, bool)
    for row, col, plate in region.plates:
        mask[row : row + plate.shape[0], col : col + plate.shape[1]] |= plate
    return mask


def check_plates(region: Region, crops: list[Crop]) -> None:
    """Refuse crops that leave out a plate although it lies inside of them; those that cut it may."""
    for crop in crops:
        height, width = crop.pixels.shape
        for row, col, plate in region.plates:
            top, left = row - crop.row, col - crop.col
            bottom, right = top + plate.shape[0], left + plate.shape[1]
            inside = top > 0 and left > 0 and bottom < height and right < width
            if inside and not (crop.instances[top:bottom, left:right] > 0)[plate].all():
                raise ValueError(f"the crop at {crop.col}, {crop.row} lacks the plate at {col}, {row}")


def transform_of(region: str, shape: tuple[int, int]) -> Affine:
    """The made-up place of a mosaic of (rows, columns) on the map: amid the equator at the region's longitude."""
    left = round(REGIONS[region] * DEGREE_M / PIXEL_M - shape[1] / 2) * PIXEL_M
    return Affine(PIXEL_M, 0, left, 0, -PIXEL_M, round(shape[0] / 2) * PIXEL_M)


def polygons(region: Region, transform: Affine) -> geopandas.GeoDataFrame:
    """The plates as polygons on the map, along the borders of their pixels."""
    rows = []
    for row, col, plate in region.plates:
        corner = transform @ Affine.translation(col, row)
        parts = [shapely.geometry.shape(part) for part, _ in shapes(plate.astype(np.uint8), plate, transform=corner)]
        rows.append(dict(geometry=shapely.MultiPolygon(parts), pixels=int(plate.sum())))
    return geopandas.GeoDataFrame(rows, crs=MAP).assign(**{"class": CLASS})


def write_image(region: Region, transform: Affine, path: Path) -> None:
    """Write the mosaic, 0 where there is no crop; black pixels become 1."""
    pixels = np.where(region.covered, np.maximum(region.pixels, 1), 0).astype(np.uint8)
    height, width = pixels.shape
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=1, dtype="uint8", crs=MAP, transform=transform,
        nodata=0, compress="DEFLATE", predictor=2, zlevel=9, tiled=True, blockxsize=256, blockysize=256,
    ) as sink:  # fmt: skip
        sink.write(pixels, 1)


def main(folder: str, out: str) -> None:
    """Write the mosaics and the plates of all regions."""
    Path(out).mkdir(parents=True, exist_ok=True)
    for name in REGIONS:
        region = put_together(read_crops(Path(folder), name))
        transform = transform_of(name, region.pixels.shape)
        write_image(region, transform, Path(out, f"{name}.tif"))
        plates = polygons(region, transform)
        pyogrio.write_dataframe(plates, Path(out, f"{name}_plates.gpkg"), layer="plates", driver="GPKG")
        print(f"{name}: {region.pixels.shape[1]} x {region.pixels.shape[0]} px, {len(plates)} plates, "
              f"{union(region).mean():.1%} of the pixels")  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
