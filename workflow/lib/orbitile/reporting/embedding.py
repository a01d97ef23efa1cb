"""Pictures inside the page: as JPEG in its text, so that the page is a single file."""

import warnings
from base64 import b64encode
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from orbitile.reporting.markup import element, scrollable

LARGEST_PX = 1600
"""Longer sides of pictures in the page; their files keep all pixels."""
QUALITY = 85


def jpeg_address(image: Image.Image) -> str:
    """An address that holds a picture itself, shrunk to LARGEST_PX, without transparency."""
    image = image.convert("RGB")
    image.thumbnail((LARGEST_PX, LARGEST_PX))
    file = BytesIO()
    image.save(file, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"


def pixels_address(pixels: np.ndarray) -> str:
    """An address that holds 8-bit pixels (rows, columns) or (rows, columns, 3)."""
    return jpeg_address(Image.fromarray(pixels))


def picture_figure(path: Path, about: str, width_px: int | None = None) -> str:
    """A picture with a caption, which is escaped; a line instead where its file cannot be read.

    It is as wide as its window or, with a width, so wide in any window, and scrolls there.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                address = jpeg_address(image)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        return element("p", escape(f"{path.name} cannot be shown: {error}"), class_="note")
    width = f' width="{width_px}"' if width_px else ""
    shown = f'<img src="{address}" alt="{escape(about)}"{width}>'
    caption = element("figcaption", escape(about))
    return element("figure", scrollable(about, shown) if width_px else shown, caption)
