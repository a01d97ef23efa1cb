"""Pictures inside the page: as JPEG in its text, so that the page is a single file."""

import warnings
from base64 import b64encode
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.image import imsave
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning

from orbitile.base.errors import OrbitileError
from orbitile.rasters.gdal import GDAL_ERRORS, open_dataset
from orbitile.reporting.markup import element, scrollable

LARGEST_PX = 1600
"""Longer sides of pictures in the page; their files keep all pixels."""
QUALITY = 85
WHITE, OPAQUE = 255, 255


def pixels_address(pixels: np.ndarray) -> str:
    """An address that holds a picture itself: 8-bit pixels (rows, columns) or (rows, columns, 3)."""
    colours = np.stack([pixels] * 3, axis=-1) if pixels.ndim == 2 else pixels
    file = BytesIO()
    imsave(file, np.ascontiguousarray(colours), format="jpeg", pil_kwargs=dict(quality=QUALITY, optimize=True))
    return f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"


def read_picture(path: Path) -> np.ndarray:
    """The 8-bit pixels (rows, columns, 3) of a picture in a file, shrunk to LARGEST_PX, on white."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with open_dataset(path) as source:
            shrink = min(1.0, LARGEST_PX / max(source.width, source.height))
            shape = tuple(max(1, round(side * shrink)) for side in (source.height, source.width))
            bands = source.read(out_shape=(source.count, *shape), resampling=Resampling.average)
    colours = bands[:3] if len(bands) >= 3 else np.stack([bands[0]] * 3)
    opacity = bands[3].astype(float) / OPAQUE if len(bands) == 4 else 1.0
    return np.moveaxis(np.round(colours * opacity + WHITE * (1 - opacity)), 0, -1).astype(np.uint8)


def picture_figure(path: Path, about: str, width_px: int | None = None) -> str:
    """A picture with a caption, which is escaped; a line instead where its file cannot be read.

    It is as wide as its window or, with a width, so wide in any window, and scrolls there.
    """
    try:
        address = pixels_address(read_picture(path))
    except (OSError, OrbitileError, *GDAL_ERRORS) as error:
        return element("p", escape(f"{path.name} cannot be shown: {error}"), class_="note")
    width = f' width="{width_px}"' if width_px else ""
    shown = f'<img src="{address}" alt="{escape(about)}"{width}>'
    caption = element("figcaption", escape(about))
    return element("figure", scrollable(about, shown) if width_px else shown, caption)
