"""The colours of classes that exclude each other: the same in rasters and in all pictures."""

import colorsys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.patches import Patch

BACKGROUND_COLOUR = "#dddddd"
PALETTE = (
    "#cc6677", "#332288", "#ddcc77", "#117733", "#88ccee", "#882255", "#44aa99", "#999933", "#aa4499",
)  # fmt: skip
"""Paul Tol's "muted" colours, which colour-blind people tell apart; his pale grey is the background's."""
GOLDEN_RATIO = 0.618033988749895
OPAQUE = 255

Rgba = tuple[int, int, int, int]
"""Red, green, blue and opacity, 0..255."""


def class_colours(classes: int) -> tuple[str, ...]:
    """The colours (#rrggbb) of the background and of so many classes, by their numbers.

    The first nine classes have those of PALETTE; of more, each has another hue, and they are told apart by the legend.
    """
    further = (_hue_colour(number) for number in range(len(PALETTE), classes))
    return (BACKGROUND_COLOUR, *PALETTE[:classes], *further)


def colour_table(classes: int) -> dict[int, Rgba]:
    """The colours of the background and of so many classes, by their numbers, as rasters store them."""
    return {number: _rgba(colour) for number, colour in enumerate(class_colours(classes))}


def colours_of_names(names: Sequence[str]) -> dict[str, str]:
    """The colours of classes by their names, the first of which is the background; none without names."""
    return dict(zip(names, class_colours(len(names) - 1), strict=True)) if names else {}


def class_patches(colours: Mapping[str, str]) -> "list[Patch]":
    """What a legend shows of colours by the names of classes."""
    from matplotlib.patches import Patch  # slow to import, and most users want the colours alone

    return [Patch(facecolor=colour, edgecolor="black", linewidth=0.5, label=name) for name, colour in colours.items()]


def _hue_colour(number: int) -> str:
    """A colour for a class beyond the palette: hues that follow each other at the golden ratio lie far apart."""
    rgb = colorsys.hsv_to_rgb(number * GOLDEN_RATIO % 1, 0.55, 0.95 if number % 2 else 0.65)
    return "#" + "".join(f"{round(part * OPAQUE):02x}" for part in rgb)


def _rgba(colour: str) -> Rgba:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue, OPAQUE
