"""How many objects there are where: a picture for more of them than can be told apart."""

from typing import NamedTuple

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import LogLocator, NullFormatter

from orbitile.pictures.scene_picture import HEADING_PX, Frame, RunPicture
from orbitile.space.ground import Ground, unit_vectors

CELL_PX = 4
"""Side of the cells of the picture in which objects are counted."""
MANY_PER_1000_KM2 = 1e4
"""From this density on it is said per square kilometre."""


RARE_SHARES = (0.01, 0.99)
LEAST_RANGE = 10
"""The largest density that has a colour of its own, over the smallest: chance alone shall not fill the picture."""


class DensityGrid:
    """Counts of objects, which come in batches, in the cells of a frame, or sums of what they weigh."""

    def __init__(self, frame: Frame, radius_m: float) -> None:
        self.frame = frame
        self._ground = Ground(frame.crs_wkt, radius_m)
        width, height = frame.size_px
        self.columns, self.rows = (max(1, round(side / CELL_PX)) for side in (width, height))
        self.counts = np.zeros((self.rows, self.columns))

    def add(self, lon: np.ndarray, lat: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Count objects at longitudes and latitudes (n, degrees), or sum up their weights (n).

        Those outside of the frame do not count.
        """
        frame = self.frame
        x, y = self._ground.xy(lon, lat, *frame.middle)
        column = (x - frame.west) * (self.columns / (frame.east - frame.west))
        row = (y - frame.south) * (self.rows / (frame.north - frame.south))
        inside = (column >= 0) & (column < self.columns) & (row >= 0) & (row < self.rows)
        cells = row[inside].astype(np.int64) * self.columns + column[inside].astype(np.int64)
        inside_weights = None if weights is None else weights[inside]
        self.counts += np.bincount(cells, inside_weights, self.counts.size).reshape(self.counts.shape)

    @property
    def areas_km2(self) -> np.ndarray:
        """The area on the ground of each cell (rows from the south, columns); NaN or 0 beyond the body."""
        frame = self.frame
        edges = (
            np.linspace(frame.west, frame.east, self.columns + 1),
            np.linspace(frame.south, frame.north, self.rows + 1),
        )
        corners = unit_vectors(*self._ground.lonlat(*np.meshgrid(*edges))) * (self._ground.radius_m / 1000)
        diagonals = corners[1:, 1:] - corners[:-1, :-1], corners[1:, :-1] - corners[:-1, 1:]
        return np.linalg.norm(np.cross(*diagonals), axis=-1) / 2

    @property
    def pixel_m(self) -> float:
        """The side on the ground of a pixel of the picture, in the middle of all."""
        areas = self.areas_km2
        return float(np.sqrt(np.median(areas[np.isfinite(areas)]))) * 1000 / CELL_PX


class _Scale(NamedTuple):
    """Densities (rows, columns; masked without any objects) and their unit."""

    density: np.ma.MaskedArray
    unit: str


def draw_density(picture: RunPicture, grid: DensityGrid, noun: str) -> None:
    """Lay the density of objects, which a noun names, over a picture, with a bar that says what colours mean."""
    density, unit = _scaled(grid)
    if not density.count():
        return
    frame = grid.frame
    image = picture.axes.imshow(
        density, extent=(frame.west, frame.east, frame.south, frame.north), origin="lower", cmap="inferno",
        norm=LogNorm(*_usual_range(density, grid.areas_km2)), alpha=0.8, interpolation="nearest",
    )  # fmt: skip
    _draw_bar(picture.figure, image, f"{noun} {unit}")


def _draw_bar(figure: Figure, image: AxesImage, about: str) -> None:
    """Say in the heading what the colours of an image mean."""
    height = figure.get_figheight() * figure.dpi
    bar = figure.add_axes((0.68, 1 - 18 / height, 0.3, 10 / height))
    ticks = LogLocator(subs=(1, 2, 5))
    figure.colorbar(image, cax=bar, orientation="horizontal", extend="both", ticks=ticks, format="%g")
    bar.xaxis.set_minor_formatter(NullFormatter())
    bar.tick_params(labelsize=9, pad=1, length=2)
    figure.text(0.67, 1 - HEADING_PX / 2 / height, about, ha="right", va="center", fontsize=12)


def _usual_range(density: np.ma.MaskedArray, areas: np.ndarray) -> tuple[float, float]:
    """The limits of colours: below and above lie cells with 1 % of the area each, as the tiny ones at a pole."""
    values, weights = density.compressed(), areas[~density.mask]
    order = np.argsort(values)
    shares = np.cumsum(weights[order]) / weights.sum()
    low, high = values[order][np.minimum(np.searchsorted(shares, RARE_SHARES), len(order) - 1)]
    widening = max(LEAST_RANGE * low / high, 1) ** 0.5
    return float(low / widening), float(high * widening)


def _scaled(grid: DensityGrid) -> _Scale:
    with np.errstate(divide="ignore", invalid="ignore"):
        density = np.ma.masked_invalid(np.where(grid.counts > 0, grid.counts / grid.areas_km2, np.nan), copy=False)
    if density.count() and density.max() * 1000 > MANY_PER_1000_KM2:
        return _Scale(density, "per square kilometre")
    return _Scale(density * 1000, "per 1000 square kilometres")
