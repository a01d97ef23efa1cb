"""Which of several strips lies on top of the others."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from orbitile.errors import OrbitileError
from orbitile.space.grids import Grid

Order = Literal["resolution", "incidence"]

RELIEF_INCIDENCE_DEG = 68.0
"""Incidence at which relief shows best, and shadows do not yet hide it.

About this angle the images of the MESSENGER MDIS basemap (BDR), made to show morphology, were taken.
"""


@dataclass(frozen=True)
class Strip:
    """A georeferenced image: its raster and grid, and what it was taken with.

    `gsd_m` is the ground sample distance of the original image in metres, whatever that of the raster;
    `incidence_deg` the angle between the Sun and the ground's normal, None where it is not known.
    """

    name: str
    path: str
    grid: Grid
    gsd_m: float
    incidence_deg: float | None = None


def ordered(strips: Iterable[Strip], by: Order, wanted_deg: float = RELIEF_INCIDENCE_DEG) -> list[Strip]:
    """Strips from the topmost down: the finest first, or the one whose incidence is nearest to the wanted (degrees).

    Ties go by name, so that the order of the strips given does not matter. OrbitileError where two bear one name,
    or one has no incidence when it is needed.
    """
    strips = list(strips)
    _check_names(strips)
    if by == "resolution":
        return sorted(strips, key=lambda strip: (strip.gsd_m, strip.name))
    _check_incidence(strips)
    return sorted(strips, key=lambda strip: (abs(strip.incidence_deg - wanted_deg), strip.name))


def _check_names(strips: Sequence[Strip]) -> None:
    twice = [name for name, times in Counter(strip.name for strip in strips).items() if times > 1]
    if twice:
        paths = ", ".join(sorted(strip.path for strip in strips if strip.name == min(twice)))
        raise OrbitileError(f"{paths}: all are called {min(twice)!r}; give every strip of a mosaic its own name")


def _check_incidence(strips: Sequence[Strip]) -> None:
    unknown = sorted((strip.name, strip.path) for strip in strips if strip.incidence_deg is None)
    if unknown:
        name, path = unknown[0]
        raise OrbitileError(f"{path}: strip {name} has no incidence angle to go by; order the mosaic by resolution")
