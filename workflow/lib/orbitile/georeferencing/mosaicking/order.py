"""The order of strips: which lies on top of which."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from orbitile.base.errors import OrbitileError
from orbitile.space.grids import Grid

Order = Literal["resolution", "incidence"]

RELIEF_INCIDENCE_DEG = 68.0
"""Incidence angle at which relief shows best, and shadows do not yet hide it.

The images of the MESSENGER MDIS basemap (BDR), made to show morphology, were taken at about this angle.
"""


@dataclass(frozen=True)
class Strip:
    """A georeferenced image: its raster and grid, its original resolution and its illumination.

    `gsd_m` is the ground sample distance of the original image in metres, whatever that of the raster;
    `incidence_deg` the angle between the Sun and the ground's normal, None if unknown.
    """

    name: str
    path: str
    grid: Grid
    gsd_m: float
    incidence_deg: float | None = None


def order_strips(strips: Iterable[Strip], criterion: Order, incidence_deg: float = RELIEF_INCIDENCE_DEG) -> list[Strip]:
    """Strips from the topmost down: the finest first, or the one whose incidence is nearest to `incidence_deg`.

    Ties are broken by name, so that the order in which strips are given does not matter. OrbitileError where two have
    the same name, or one has no incidence angle when it is needed.
    """
    by_name = sorted(strips, key=lambda strip: strip.name)
    _check_names(by_name)
    if criterion == "resolution":
        return sorted(by_name, key=lambda strip: strip.gsd_m)
    return sorted(by_name, key=lambda strip: abs(_incidence_deg(strip) - incidence_deg))


def _check_names(strips: Sequence[Strip]) -> None:
    twice = [name for name, count in Counter(strip.name for strip in strips).items() if count > 1]
    if twice:
        paths = ", ".join(sorted(strip.path for strip in strips if strip.name == min(twice)))
        raise OrbitileError(f"{paths}: all are named {min(twice)!r}; give every strip of a mosaic its own name")


def _incidence_deg(strip: Strip) -> float:
    if strip.incidence_deg is None:
        raise OrbitileError(
            f"{strip.path}: the incidence angle of strip {strip.name} is unknown; order the mosaic by resolution"
        )
    return strip.incidence_deg
