"""How the scene table and the settings ask for an image to be georeferenced."""

from dataclasses import dataclass
from typing import Self

from orbitile.tables.plan import ImageRow
from orbitile.tables.scenes import is_points_file


@dataclass(frozen=True)
class GeorefRequest:
    """An image, and how it is to be georeferenced.

    `method` is one of orbitile.tables.georef_methods.GEOREF_METHODS, None for the best that is possible. `kernels` is
    a meta-kernel, a folder of kernels or a camera model (.json); `corners` the four corners, or a file of control
    points (see orbitile.georeferencing.control_points); `elevation` an elevation model.
    """

    path: str
    method: str | None = None
    kernels: str | None = None
    corners: str | None = None
    elevation: str | None = None

    @classmethod
    def of(cls, image: ImageRow) -> Self:
        """The request that a plan's row of an image holds, with the method that was chosen."""
        return cls(image.path, image.georef_method, image.kernels, image.corners, image.elevation)

    @property
    def inputs(self) -> list[str]:
        """The files and folders that it depends on."""
        points_file = self.corners if self.corners and is_points_file(self.corners) else None
        return [file for file in (self.path, self.kernels, self.elevation, points_file) if file]
