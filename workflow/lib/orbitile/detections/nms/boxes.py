"""Boxes on a plane and on a body."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PlaneBoxes:
    """Boxes on a plane: `corners` (n, 4) are xmin, ymin, xmax, ymax in any unit, as float32 or float64."""

    corners: np.ndarray

    def __len__(self) -> int:
        return len(self.corners)

    @property
    def columns(self) -> tuple[np.ndarray, ...]:
        """The four numbers of each box, as arrays."""
        return tuple(self.corners[:, number] for number in range(4))


@dataclass(frozen=True)
class GroundBoxes:
    """Boxes on a sphere: centres in degrees, sizes east-west and north-south in units of the sphere's radius."""

    lon: np.ndarray
    lat: np.ndarray
    width: np.ndarray
    height: np.ndarray

    @classmethod
    def of(cls, table: "pd.DataFrame", radius_m: float) -> "GroundBoxes":
        """The boxes of a table with lon, lat (degrees), width_m, height_m on a sphere."""
        lon, lat, width, height = (table[name].to_numpy(float) for name in ("lon", "lat", "width_m", "height_m"))
        return cls(lon, lat, width / radius_m, height / radius_m)

    def __len__(self) -> int:
        return len(self.lon)

    @property
    def columns(self) -> tuple[np.ndarray, ...]:
        """The four numbers of each box, as arrays."""
        return self.lon, self.lat, self.width, self.height


Boxes = PlaneBoxes | GroundBoxes
