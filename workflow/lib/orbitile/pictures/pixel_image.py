"""Images in a picture's own pixels, drawn as they are: Matplotlib would resample and colour them in floating point."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backend_bases import RendererBase
from matplotlib.colors import Colormap


class PixelImage(Artist):
    """Pixels (rows, columns, 4: red, green, blue, opacity; uint8) in a figure.

    `corner` is the place of their lower left corner in pixels from that of the figure.
    """

    zorder = 0

    def __init__(self, pixels: np.ndarray, corner: tuple[int, int] = (0, 0)) -> None:
        super().__init__()
        self._from_bottom, self._corner = pixels[::-1], corner

    def draw(self, renderer: RendererBase) -> None:
        """Blend the pixels into what is drawn so far."""
        context = renderer.new_gc()
        renderer.draw_image(context, *self._corner, self._from_bottom)
        context.restore()


def opaque(pixels: np.ndarray) -> np.ndarray:
    """Pixels (rows, columns, 4) of grey ones (rows, columns) or of coloured ones (rows, columns, 3); uint8."""
    colours = pixels if pixels.ndim == 3 else pixels[..., None]
    image = np.empty((*pixels.shape[:2], 4), np.uint8)
    image[..., :3], image[..., 3] = colours, 255
    return image


def coloured(pixels: np.ndarray, colours: Colormap) -> np.ndarray:
    """Pixels (rows, columns, 4; uint8) of values (rows, columns; 0..255) in colours of 256 steps."""
    return colours(np.arange(256), bytes=True)[pixels]


def enlarged(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Pixels (rows, columns, 4), each as a square of a side of `factor`."""
    return pixels if factor == 1 else pixels.repeat(factor, axis=0).repeat(factor, axis=1)
