"""Images whose stored values mean brightness in every way that files know, and in several that they do not.

`odd_image` draws one; it tells the brightness that the file means, so that the greys it becomes can be foretold. The
same random numbers make the same image. `check` georeferences one: it becomes the greys of a plain image of the same
brightness, or the table of rasters warns, or one line that names the file refuses it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from images import planned_row
from pyproj import CRS
from rasterio.enums import ColorInterp

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.image_header import read_image_header
from orbitile.georeferencing.project_image import TargetGrid
from orbitile.jobs.pieces import JobWork
from orbitile.planning.band_choice import NetworkBands, choose_bands
from orbitile.rasters.read import opened_raster, read_window
from orbitile.space.bodies import find_body
from orbitile.space.grids import Window
from orbitile.stages.georeference import GeoreferenceTarget, georeference
from orbitile.tables.plan import PlanRow
from orbitile.tables.rasters import RasterRow, read_rasters

HEIGHT, WIDTH, GSD_M = 96, 128, 100
PERCENTS = (0.5, 99.5)
FLOAT_SPECIALS = np.array([0xFF7FFFFB, 0xFF7FFFFC, 0xFF7FFFFD, 0xFF7FFFFE, 0xFF7FFFFF], np.uint32).view(np.float32)
SPECIALS = dict(
    int16=np.arange(-32768, -32763, dtype=np.int16),
    uint16=np.array([0, 1, 2, 65534, 65535], np.uint16),
    float32=FLOAT_SPECIALS,
)
"""Special pixels of ISIS: NULL, and low and high saturation of representation and instrument."""


@dataclass(frozen=True)
class OddImage:
    """A file, what kind it is of, and the brightness (rows, columns) that it means where it `has_brightness`.

    Brightness is known but for a factor and an offset. `bands` are those to use, None for all; `stretch_values` go into
    the settings.
    """

    kind: str
    path: Path
    brightness: np.ndarray
    has_brightness: np.ndarray
    bands: tuple[int, ...] | None = None
    stretch_values: tuple[float, float] | None = None

    @property
    def greys(self) -> np.ndarray:
        """The greys (rows, columns; float) that a plain image of its brightness becomes, if no settings say else."""
        values = np.sort(self.brightness[self.has_brightness])
        low, high = (values[max(1, int(np.ceil(values.size * percent / 100))) - 1] for percent in PERCENTS)
        return ((self.brightness - low) * 255 / max(high - low, np.finfo(float).tiny)).clip(0, 255)


@dataclass(frozen=True)
class Drawing:
    """What a kind of image is made from: random numbers, a folder, and brightness in whole numbers 30..235."""

    random: Random
    folder: Path
    brightness: np.ndarray

    @property
    def path(self) -> Path:
        """Of the image that is drawn, if it is a GeoTIFF."""
        return self.folder / "image.tif"

    def write(self, pixels: np.ndarray, name: str = "image.tif", **profile: object) -> Path:
        """Write pixels ([bands,] rows, columns) on a map of the Moon."""
        bands = pixels.reshape(-1, HEIGHT, WIDTH)
        described = dict(driver="GTiff", width=WIDTH, height=HEIGHT, count=len(bands), dtype=pixels.dtype, crs=MOON)
        with rasterio.open(self.folder / name, "w", transform=TRANSFORM, **described | profile) as sink:
            sink.write(bands)
        return self.folder / name

    def change(self, **attributes: object) -> None:
        """Set attributes of the image, such as scales, offsets and colour interpretations."""
        with rasterio.open(self.path, "r+") as sink:
            for name, value in attributes.items():
                setattr(sink, name, value)

    def result(self, kind: str = "", path: Path | None = None, **columns: object) -> OddImage:
        """An image with brightness everywhere, if `columns` do not say else."""
        columns = dict(has_brightness=np.ones((HEIGHT, WIDTH), bool)) | columns
        return OddImage(kind, path or self.path, self.brightness.astype(float), **columns)

    def area(self, share: float = 0.2) -> np.ndarray:
        """Some pixels (rows, columns; bool): a border, rows, or pixels all over the image."""
        rows, columns = np.mgrid[:HEIGHT, :WIDTH]
        scattered = np.random.default_rng(self.random.getrandbits(32)).random((HEIGHT, WIDTH)) < share
        return self.random.choice([columns < share * WIDTH, rows >= (1 - share) * HEIGHT, scattered])


MOON = CRS("IAU_2015:30110").to_wkt()
TRANSFORM = Affine(GSD_M, 0, 5000, 0, -GSD_M, 8000)


def draw_brightness(random: Random) -> np.ndarray:
    """Ground with craters: whole numbers 30..235 (rows, columns) with dark and bright tails."""
    numbers = np.random.default_rng(random.getrandbits(32))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    ground = numbers.normal(0, 12, (HEIGHT, WIDTH))
    for _ in range(12):
        row, column, radius = numbers.uniform(0, HEIGHT), numbers.uniform(0, WIDTH), numbers.uniform(4, 20)
        distance = np.hypot(rows - row, columns - column) / radius
        ground += np.where(distance < 1, 70 * (columns - column) / radius, 0)
    return (128 + ground).round().clip(30, 235).astype(np.uint8)


def plain(drawing: Drawing) -> OddImage:
    """Any data type, with any range inside it."""
    dtype = drawing.random.choice(
        ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]
    )
    if np.dtype(dtype).kind == "f":
        factor = drawing.random.choice([1e-30, 1e-3, 1, 1e30, 1e300 if dtype == "float64" else 1e3])
        offset = drawing.random.choice([0, -128, 500]) * factor
        pixels = (drawing.brightness.astype(float) * factor + offset).astype(dtype)
    else:
        limits = np.iinfo(dtype)
        factor = drawing.random.choice([1, max(1, int(limits.max) // 255), max(1, int(limits.max) // 70000)])
        least = drawing.random.choice([int(limits.min), max(int(limits.min), int(limits.max) - 255 * factor)])
        least = least if limits.bits < 64 else max(-(2**52), min(least, 2**52))
        pixels = (drawing.brightness.astype(object) * factor + least).clip(limits.min, limits.max).astype(dtype)
    drawing.write(pixels)
    return drawing.result()


def min_is_white(drawing: Drawing) -> OddImage:
    """Photometric interpretation MinIsWhite, of several types, also behind a virtual raster."""
    bits = drawing.random.choice([8, 12, 16, 32])
    dtype = dict.fromkeys((12, 16), "uint16").get(bits, "uint8" if bits == 8 else "uint32")
    factor = (2**bits - 1) // 255
    inverted = (2**bits - 1 - drawing.brightness.astype(np.int64) * factor).astype(dtype)
    drawing.write(inverted, photometric="MINISWHITE", **(dict(nbits=12) if bits == 12 else {}))
    if bits == 32 or drawing.random.random() < 0.5:
        return drawing.result()
    path = drawing.folder / "virtual.vrt"
    rasterio.shutil.copy(drawing.path, path, driver="VRT")
    return drawing.result(path=path)


def palette(drawing: Drawing) -> OddImage:
    """Indices into a palette of greys or tints in any order, or of colours without an order."""
    numbers = np.random.default_rng(drawing.random.getrandbits(32))
    order = drawing.random.choice([np.arange(256), np.arange(256)[::-1], numbers.permutation(256)])
    tint = drawing.random.choice([(1, 1, 1), (1, 0.8, 0.6), None])
    colours = numbers.integers(0, 256, (256, 3)) if tint is None else np.outer(np.arange(256), tint).astype(int)
    drawing.write(order.astype(np.uint8)[drawing.brightness])
    with rasterio.open(drawing.path, "r+") as sink:
        sink.write_colormap(1, {int(order[grey]): (*map(int, colours[grey]), 255) for grey in range(256)})
    return drawing.result()


def scaled(drawing: Drawing) -> OddImage:
    """A scale and an offset in the header, of either sign; a scale of 0 means nothing."""
    scale = drawing.random.choice([0.0001, 20, -0.01, -3, 0])
    offset = drawing.random.choice([0, 0.3, -1e5])
    stored = drawing.brightness.astype(np.int16) * (10 if scale >= 0 else -10)
    drawing.write(stored.astype(drawing.random.choice(["int16", "int32", "float32"])))
    drawing.change(scales=(scale,), offsets=(offset,))
    return drawing.result()


def signed_bytes(drawing: Drawing) -> OddImage:
    """Bytes that a virtual raster calls signed, as GDAL did before it had a type for them."""
    drawing.write((drawing.brightness.astype(int) - 128).astype(np.int8).view(np.uint8))
    path = drawing.folder / "signed.vrt"
    rasterio.shutil.copy(drawing.path, path, driver="VRT")
    signed = '<Metadata domain="IMAGE_STRUCTURE"><MDI key="PIXELTYPE">SIGNEDBYTE</MDI></Metadata>'
    text = path.read_text()
    start = text.index(">", text.index("<VRTRasterBand")) + 1
    path.write_text(text[:start] + signed + text[start:])
    return drawing.result(path=path)


def complex_numbers(drawing: Drawing) -> OddImage:
    """Complex numbers: which of their parts is meant is open."""
    drawing.write((drawing.brightness * np.exp(1j)).astype(drawing.random.choice(["complex64", "complex128"])))
    return drawing.result()


def special_pixels(drawing: Drawing) -> OddImage:
    """Saturated and missing pixels of ISIS, in a cube or exported from one."""
    dtype = drawing.random.choice(list(SPECIALS))
    pixels, area = (drawing.brightness * np.array(16, dtype)).astype(dtype), drawing.area(0.1)
    pixels[area] = np.resize(SPECIALS[dtype], area.sum())
    drawing.write(pixels, nodata=float(SPECIALS[dtype][0]))
    path = drawing.folder / "cube.cub"
    if drawing.random.random() < 0.5:
        rasterio.shutil.copy(drawing.path, path, driver="ISIS3")
    return drawing.result(path=path if path.exists() else None, has_brightness=~area)


def undeclared_fill(drawing: Drawing) -> OddImage:
    """A fill value that no header declares."""
    dtype, fill = drawing.random.choice(
        [
            ("uint8", 0), ("uint8", 255), ("uint16", 0), ("uint16", 65535), ("int16", -32768), ("int16", -9999),
            ("int16", 32767), ("int32", -(2**31)), ("float32", -9999), ("float32", 1e32), ("float32", -1e32),
            ("float32", FLOAT_SPECIALS[0]), ("float32", FLOAT_SPECIALS[4]), ("float32", 0), ("float64", -1e308),
        ]
    )  # fmt: skip
    factor = 1 if dtype == "uint8" else drawing.random.choice([1, 16])
    pixels = (drawing.brightness * np.array(factor, "int32")).astype(dtype)
    area = drawing.area(drawing.random.choice([0.05, 0.3, 0.8]))
    pixels[area] = fill
    drawing.write(pixels)
    return drawing.result(has_brightness=~area)


def outliers(drawing: Drawing) -> OddImage:
    """A few pixels of values that no ground has; what else is no brightness."""
    pixels, area = (
        (drawing.brightness / 1000).astype(drawing.random.choice(["float32", "float64"])),
        drawing.area(0.003),
    )
    area &= np.cumsum(area).reshape(area.shape) <= drawing.random.choice([1, 8])
    values = [1000, 1e32, -1e32, np.nan, np.inf, -np.inf, 3.4e38]
    pixels[area] = [drawing.random.choice(values) for _ in range(area.sum())]
    drawing.write(pixels)
    return drawing.result(has_brightness=~area)


def declared_nodata(drawing: Drawing) -> OddImage:
    """Pixels without data by a nodata value, a mask or an opacity."""
    area = drawing.area()
    pixels = np.where(area, 0, drawing.brightness)
    way = drawing.random.choice(["nodata", "nan", "mask", "alpha"])
    if way in ("nodata", "nan"):
        nodata = 0 if way == "nodata" else float("nan")
        drawing.write(np.where(area, nodata, pixels).astype("uint8" if way == "nodata" else "float32"), nodata=nodata)
    elif way == "alpha":
        drawing.write(np.stack([pixels, np.where(area, 0, 255)]).astype(np.uint8), alpha="YES")
        drawing.change(colorinterp=(ColorInterp.gray, ColorInterp.alpha))
    else:
        drawing.write(pixels)
        with rasterio.open(drawing.path, "r+") as sink:
            sink.write_mask(~area)
    return drawing.result(has_brightness=~area, bands=(1,))


def impossible_nodata(drawing: Drawing) -> OddImage:
    """A nodata value that pixels of the type cannot have."""
    dtype, nodata = drawing.random.choice([("uint8", -9999), ("uint8", 0.5), ("uint16", 1e6), ("int16", "nan")])
    drawing.write(drawing.brightness.astype(dtype))
    path = drawing.folder / "nodata.vrt"
    rasterio.shutil.copy(drawing.path, path, driver="VRT")
    text = path.read_text()
    start = text.index(">", text.index("<VRTRasterBand")) + 1
    path.write_text(f"{text[:start]}<NoDataValue>{nodata}</NoDataValue>{text[start:]}")
    return drawing.result(path=path)


def several_bands(drawing: Drawing) -> OddImage:
    """Bands of several types with nodata values and scales each; one of them is used."""
    number, area = drawing.random.choice([1, 2, 3]), drawing.area()
    pixels = np.zeros((3, HEIGHT, WIDTH), np.int16)
    pixels[number - 1] = np.where(area, np.int16(-32768), drawing.brightness)
    drawing.write(pixels, nodata=-32768)
    drawing.change(scales=(2, 0.5, 1), offsets=(0, 0, 5))
    return drawing.result(has_brightness=~area, bands=(number,))


def few_values(drawing: Drawing) -> OddImage:
    """One value or two: nothing can be found in it."""
    constant = drawing.random.random() < 0.5
    drawing.write(np.full((HEIGHT, WIDTH), 7, np.uint8) if constant else (drawing.brightness > 128).astype(np.uint8))
    return drawing.result()


def foreign_stretch(drawing: Drawing) -> OddImage:
    """Settings with the stretch of another run."""
    factor, values = drawing.random.choice([(16, (57, 217)), (1, (0, 65535)), (1 / 1000, (57, 217)), (1, (0, 1))])
    drawing.write((drawing.brightness.astype(float) * factor).astype(np.float32 if factor < 1 else np.uint16))
    return drawing.result(stretch_values=values)


KINDS: tuple[Callable[[Drawing], OddImage], ...] = (
    plain, min_is_white, palette, scaled, signed_bytes, complex_numbers, special_pixels, undeclared_fill, outliers,
    declared_nodata, impossible_nodata, several_bands, few_values, foreign_stretch,
)  # fmt: skip


REFUSED = ("palette", "scaled", "complex_numbers")
"""Kinds of which some images are refused."""
DOUBTFUL = ("undeclared_fill", "special_pixels", "few_values", "foreign_stretch")
"""Kinds of which the table may warn; it must not of others."""
ROUNDING = 6
"""Greys by which images may differ: of values that are stored in fewer steps, and percentiles beside outliers."""
MOON_BODY = find_body("Moon")


def odd_image(random: Random, folder: Path) -> OddImage:
    """Draw an image of any of the kinds into an empty folder."""
    return image_of_kind(random.choice(KINDS).__name__, random, folder)


def image_of_kind(kind: str, random: Random, folder: Path) -> OddImage:
    """Draw an image of one of the kinds into an empty folder."""
    (draw,) = (draw for draw in KINDS if draw.__name__ == kind)
    return replace(draw(Drawing(random, folder, draw_brightness(random))), kind=kind)


def check(random: Random, folder: Path) -> str:
    """Georeference an image of any kind: "refused" or "accepted"; AssertionError for greys that are silently wrong."""
    return check_image(odd_image(random, folder), folder)


def check_image(image: OddImage, folder: Path) -> str:
    """As `check`, of an image."""
    try:
        row, greys, valid = georeferenced(image, folder)
    except OrbitileError as refusal:
        assert image.kind in REFUSED, f"{image.kind}: {refusal}"
        assert image.path.name in str(refusal) and "\n" not in str(refusal), f"{image.kind}: {refusal}"
        return "refused"
    if row.warnings:
        assert image.kind in DOUBTFUL, f"{image.kind}: {row.warnings}"
        assert all(text and "\n" not in text and len(text) < 500 for text in row.warnings), row.warnings
    else:
        check_greys(image, greys, valid)
    return "accepted"


def check_greys(image: OddImage, greys: np.ndarray, valid: np.ndarray) -> None:
    """The greys (rows, columns) are those of a plain image but for rounding, and valid where there is brightness."""
    off = np.abs(greys - image.greys)[image.has_brightness]
    assert valid[image.has_brightness].all(), f"{image.kind}: brightness is taken for nodata"
    assert off.max() <= ROUNDING, f"{image.kind}: greys are up to {off.max():g} off"
    assert (valid & ~image.has_brightness).mean() < 0.005, f"{image.kind}: what is no brightness is taken for it"


def georeferenced(
    image: OddImage, folder: Path, crs: str | None = None, gsd_m: float = GSD_M
) -> tuple[RasterRow, np.ndarray, np.ndarray]:
    """An image's row of the table, and the greys (rows, columns) of its first band with where they are valid."""
    target = GeoreferenceTarget(TargetGrid(MOON_BODY, crs, gsd_m), PERCENTS, image.stretch_values)
    georeference([planned(image)], target, str(folder / "rasters"), str(folder / "table.parquet"), JobWork())
    (row,) = read_rasters(folder / "table.parquet")
    with opened_raster(row.path) as source:
        pixels, valid = read_window(source, Window(0, 0, row.width, row.height), range(1, row.bands + 1))
    return row, row.stretch.apply(pixels, valid)[0], valid


def planned(image: OddImage) -> PlanRow:
    """What a plan holds of an image, for a network of one band."""
    bands = read_image_header(str(image.path)).bands
    chosen = choose_bands(bands, image.bands, lambda: NetworkBands(1), f"{image.path}: scene a")
    return planned_row(str(image.path), bands=[band.number for band in chosen])
