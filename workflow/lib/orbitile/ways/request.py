"""What is known of an image before it is read: the scene table's row, with the settings where that says nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from orbitile.tables.scenes import is_points_file

KNOWN = ("path", "way", "kernels", "corners", "elevation")


@dataclass(frozen=True)
class Request:
    """An image, and how it is to come onto the map.

    `way` is one of orbitile.tables.ways.WAYS, None where the best that can be gone is to be found. `kernels` is a
    meta-kernel, a folder of kernels or a camera model (.json); `corners` the four corners, or a file of control points
    (see orbitile.ways.points); `elevation` an elevation model.
    """

    path: str
    way: str | None = None
    kernels: str | None = None
    corners: str | None = None
    elevation: str | None = None

    @classmethod
    def of(cls, row: Mapping) -> Self:
        """The request that a row of a plan holds, by its way that was found."""
        return cls(*(row[name] for name in KNOWN))

    @property
    def inputs(self) -> list[str]:
        """The files and folders that it depends on."""
        files = [self.path, self.kernels, self.elevation]
        if self.corners and is_points_file(self.corners):
            files.append(self.corners)
        return [file for file in files if file]
