"""Depths of fresh lunar craters by Pike (1977), Impact and Explosion Cratering, 489-509."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from orbitile.space.bodies import Body


class DepthLine(NamedTuple):
    """A power law of depths by diameters of the rim, both in km: factor * diameter ^ power, within its limits."""

    name: str
    factor: float
    power: float
    least_km: float
    largest_km: float

    def depth_km(self, diameter_km: ArrayLike) -> np.ndarray:
        """Depths in km."""
        return self.factor * np.asarray(diameter_km) ** self.power


SIMPLE = DepthLine("simple (Pike 1977)", 0.196, 1.010, 0.5, 15.0)
COMPLEX = DepthLine("complex (Pike 1977)", 1.044, 0.301, 11.0, 400.0)


def depths_by_pike(body: Body) -> tuple[DepthLine, ...]:
    """The lines of a body: of the Moon; of all others there are none."""
    return (SIMPLE, COMPLEX) if body.name == "Moon" else ()
