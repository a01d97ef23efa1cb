"""What an image's file and its label say of it, read once: raw product or dataset, size, bands, map, control points."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import rasterio
from rasterio.control import GroundControlPoint

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.raw.against_label import check_against_label
from orbitile.georeferencing.raw.checks import check_file
from orbitile.georeferencing.raw.counts import NODATA
from orbitile.georeferencing.raw.label import PvlLabel
from orbitile.georeferencing.raw.products import RawProduct
from orbitile.rasters.data_bands import DataBand, data_bands
from orbitile.rasters.gdal import opened_on_server
from orbitile.rasters.read import opened_raster, raster_grid
from orbitile.space.bodies import Body
from orbitile.space.grids import Grid

RAW_BANDS = (DataBand(1, "uint16", NODATA),)
"""What raw products come as: counts in steps (see orbitile.georeferencing.raw.counts)."""


@dataclass(frozen=True)
class ImageHeader:
    """What an image's file and its label say of it.

    `width` and `height` are those of the pixels that see ground. `bands` are its data bands. `grid` is None for images
    that are not map-projected, `product` for all but raw products, `label` for images without a PVL label. `gcps` are
    ground control points with the WKT of their coordinate system. `exif_orientation` is how viewers turn an image of a
    camera: 1 not at all, 2 to 8 somehow (EXIF 2.3, tag 0x0112).
    """

    path: str
    width: int
    height: int
    bands: tuple[DataBand, ...]
    label: PvlLabel | None = None
    product: RawProduct | None = None
    grid: Grid | None = None
    gcps: tuple[Sequence[GroundControlPoint], str] | None = None
    exif_orientation: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height


def read_image_header(path: str) -> ImageHeader:
    """Read the header of an image, raw or not; OrbitileError if it cannot be read or contradicts its label."""
    label = PvlLabel.find(path)
    product = None if label is None else _product_of(label)
    if product is None:
        return _dataset_header(path, label)
    return ImageHeader(path, product.width, product.height, RAW_BANDS, label, product)


def read_dataset_header(path: str) -> ImageHeader:
    """As `read_image_header`, but of the image as GDAL opens it, even where it is a raw product."""
    return _dataset_header(path, PvlLabel.find(path))


def read_remote_header(url: str) -> ImageHeader:
    """As `read_dataset_header`, of a GeoTIFF on a server that may be asked; no label is looked for."""
    with opened_on_server(url) as source, _explain_encoding(url):
        return _header_of(url, source, None)


def check_product(product: RawProduct, path: str, body: Body) -> None:
    """Refuse a raw product whose file does not fit its label, or that shows another body than the run's."""
    check_file(product)
    if product.body != body.name:
        raise OrbitileError(
            f"{path}: its label names {product.body} as TARGET_NAME, but the run's body is {body.name}; leave the "
            f"scene out, or make a run for {product.body}"
        )


def _product_of(label: PvlLabel) -> RawProduct | None:
    # Imported here: cameras and instruments take longer than a run of images without labels needs for its plan.
    from orbitile.georeferencing.instruments.registry import product_of_label

    return product_of_label(label)


def _dataset_header(path: str, label: PvlLabel | None) -> ImageHeader:
    with opened_raster(path) as source, _explain_encoding(path):
        check_against_label(source, label)
        return _header_of(path, source, label)


def _header_of(path: str, source: rasterio.DatasetReader, label: PvlLabel | None) -> ImageHeader:
    grid = raster_grid(source) if _has_map(source) else None
    points, crs = source.gcps
    gcps = (points, crs.to_wkt()) if points and crs is not None else None
    bands = data_bands(source)
    if not bands:
        raise OrbitileError(f"{path}: has no data bands, only alpha")
    orientation = _exif_orientation(source)
    return ImageHeader(
        path, source.width, source.height, bands, label, grid=grid, gcps=gcps, exif_orientation=orientation
    )


def _exif_orientation(source: rasterio.DatasetReader) -> int:
    """As GDAL reads it from JPEG images; 1 where there is none, or none that EXIF knows."""
    text = source.tags().get("EXIF_Orientation", "1")
    return int(text) if text in ("2", "3", "4", "5", "6", "7", "8") else 1


@contextmanager
def _explain_encoding(path: str) -> Iterator[None]:
    """Turn errors on texts of a header into an OrbitileError; all of GDAL's texts should be UTF-8."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise OrbitileError(
            f"{path}: a text in its header, such as the name of its coordinate reference system, is not UTF-8 "
            f"({error.object[error.start : error.end]!r}); write the header anew (gdal_translate -a_srs)"
        ) from error


def _has_map(source: rasterio.DatasetReader) -> bool:
    """Whether GDAL reads a coordinate system and a geotransform."""
    return source.crs is not None and not source.transform.is_identity
