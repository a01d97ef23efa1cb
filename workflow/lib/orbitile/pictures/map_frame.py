"""A scale bar and a graticule on pictures of scenes and of runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from orbitile.space.ground import Ground, unit_vectors, wrap_longitude

LEAST_SIDE_PX = 256
"""Pictures with a shorter side have neither: they would hide what is drawn."""
BAR_SHARE = 0.2
"""Of the picture's width, at most, for the scale bar."""
STEPS_DEG = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 45)
LEAST_LINES = 5
SAMPLES = 33
"""Points along each side of the picture whose longitudes and latitudes are looked at."""
LINE_POINTS = 400
FONT_PT = 10
OUTLINE = [withStroke(linewidth=2.5, foreground="black")]
"""Light letters and lines show on bright ground, too."""

Places = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class MapFrame:
    """Axes with a picture of a map in them, and how places on them become places on the map (x, y) and back.

    `extent` is left, right, bottom and top of the axes; `size_px` the picture's width and height.
    """

    axes: Axes
    ground: Ground
    middle: tuple[float, float]
    to_map: Callable[[np.ndarray, np.ndarray], Places]
    to_axes: Callable[[np.ndarray, np.ndarray], Places]
    extent: tuple[float, float, float, float]
    size_px: tuple[float, float]

    def lonlat(self, across: np.ndarray, up: np.ndarray) -> Places:
        """Longitudes and latitudes (n, degrees) at shares of the picture's width and height, 0..1 from lower left."""
        left, right, bottom, top = self.extent
        return self.ground.lonlat(*self.to_map(left + across * (right - left), bottom + up * (top - bottom)))

    def shares(self, lon: np.ndarray, lat: np.ndarray) -> Places:
        """Shares of the picture's width and height at longitudes and latitudes (n, degrees)."""
        left, right, bottom, top = self.extent
        across, up = self.to_axes(*self.ground.xy(lon, lat, *self.middle))
        return (across - left) / (right - left), (up - bottom) / (top - bottom)

    @property
    def width_m(self) -> float:
        """Metres on the ground across the picture, by the scale in its middle; NaN where that is beyond the body."""
        ends = unit_vectors(*self.lonlat(np.array([0.49, 0.51]), np.array([0.5, 0.5])))
        return float(np.linalg.norm(ends[1] - ends[0])) * self.ground.radius_m / 0.02


def draw_map_frame(frame: MapFrame, graticule: bool = True) -> None:
    """Draw a scale bar in the lower left corner and, where wanted, longitudes and latitudes."""
    if min(frame.size_px) < LEAST_SIDE_PX:
        return
    if graticule:
        for line in graticule_lines(frame):
            _draw_line(frame, line)
    if np.isfinite(frame.width_m) and frame.width_m > 0:
        _draw_bar(frame)


@dataclass(frozen=True)
class GraticuleLine:
    """A meridian or parallel: its degrees, and shares (n, 2) of the picture's sides along it, NaN outside."""

    degrees: float
    is_meridian: bool
    shares: np.ndarray

    @property
    def text(self) -> str:
        """The longitude, -180..180 East, or the latitude in words."""
        value = float(wrap_longitude(np.array(self.degrees))) if self.is_meridian else self.degrees
        sides = ("E", "W") if self.is_meridian else ("N", "S")
        side = "" if value == 0 or abs(value) == 180 else f" {sides[value < 0]}"
        return f"{abs(value):g}°{side}"


def graticule_lines(frame: MapFrame) -> Iterator[GraticuleLine]:
    """Meridians and parallels in a picture, LEAST_LINES or more of each where its sides are not too unlike."""
    middle_lon, _ = (float(value[0]) for value in frame.lonlat(np.array([0.5]), np.array([0.5])))
    side = np.linspace(0, 1, SAMPLES)
    lon, lat = (values.ravel() for values in frame.lonlat(*np.meshgrid(side, side)))
    usable = np.isfinite(lon) & np.isfinite(lat)
    if not usable.any() or not np.isfinite(middle_lon):
        return
    lon, lat = middle_lon + wrap_longitude(lon[usable] - middle_lon), lat[usable]
    west, east, south, north = lon.min(), lon.max(), lat.min(), lat.max()
    along = np.linspace(0, 1, LINE_POINTS)
    for degrees in _round_degrees(west, east):
        yield GraticuleLine(
            degrees, True, _inside(frame, np.full(LINE_POINTS, degrees), south + along * (north - south))
        )
    for degrees in _round_degrees(south, north):
        yield GraticuleLine(degrees, False, _inside(frame, west + along * (east - west), np.full(LINE_POINTS, degrees)))


def _round_degrees(low: float, high: float) -> list[float]:
    """Multiples of the largest step of which LEAST_LINES lie between two values; poles and the like left out."""
    for step in STEPS_DEG[::-1]:
        numbers = np.arange(np.ceil(low / step), np.floor(high / step) + 1)
        if len(numbers) >= LEAST_LINES:
            break
    return [round(float(number * step), 6) for number in numbers if abs(number * step) != 90 or high > 90]


def _inside(frame: MapFrame, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    shares = np.column_stack(frame.shares(lon, lat))
    shares[~((shares >= 0) & (shares <= 1)).all(axis=1)] = np.nan
    return shares


def _draw_line(frame: MapFrame, line: GraticuleLine) -> None:
    visible = np.flatnonzero(np.isfinite(line.shares[:, 0]))
    if len(visible) < 2:
        return
    transform = frame.axes.transAxes
    for colour, width, opacity in (("black", 1.2, 0.3), ("white", 0.5, 0.6)):
        frame.axes.add_collection(
            LineCollection(
                [line.shares], colors=colour, linewidths=width, alpha=opacity, transform=transform, zorder=1.5
            ),
            autolim=False,
        )  # fmt: skip
    # Meridians are named at the upper edge, parallels at the right one: the other two have the bar and legends.
    across, up = line.shares[visible].T
    place = visible[np.argmax(up if line.is_meridian else across)]
    x, y = line.shares[place]
    if (x if line.is_meridian else y) > 0.97 or (x if line.is_meridian else y) < 0.06:
        return
    frame.axes.text(
        min(x, 0.995), min(y, 0.995), line.text, transform=transform, color="white", fontsize=FONT_PT, zorder=4,
        ha="left" if line.is_meridian else "right", va="top" if line.is_meridian else "bottom", path_effects=OUTLINE,
    )  # fmt: skip


def bar_length_m(most_m: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not longer."""
    power = 10 ** np.floor(np.log10(most_m))
    return float(power * max(factor for factor in (1, 2, 5) if factor * power <= most_m * (1 + 1e-9)))


def length_text(length_m: float) -> str:
    """A length in words: kilometres from one on, else metres."""
    return f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"


def _draw_bar(frame: MapFrame) -> None:
    length_m, transform = bar_length_m(BAR_SHARE * frame.width_m), frame.axes.transAxes
    width, height = length_m / frame.width_m, 6 / frame.size_px[1]
    left, bottom = 12 / frame.size_px[0], 14 / frame.size_px[1]
    for start, colour in ((0.0, "white"), (0.5, "black")):
        frame.axes.add_patch(Rectangle((left + start * width, bottom), width / 2, height, facecolor=colour,
                                       edgecolor="white", linewidth=0.8, transform=transform, zorder=4))  # fmt: skip
    text = length_text(length_m)
    frame.axes.text(left, bottom + 2 * height, text, transform=transform, color="white", fontsize=FONT_PT + 1, zorder=4,
                    va="bottom", path_effects=OUTLINE)  # fmt: skip
