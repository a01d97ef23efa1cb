"""Which craters of a catalogue lie on the rim of a larger one, batch by batch."""

import numpy as np
from scipy.spatial import KDTree

from orbitile.catalogue import Catalogue
from orbitile.space.ground import angles_between, unit_vectors
from orbitile.space.lonlat_boxes import EVERYWHERE, boxes_around_circle
from orbitile.tables.craters import Craters

REACH = 1.25
"""Radii around a crater within which the rim of a larger one spoils its own."""
COLUMNS = ("lon", "lat", "diameter_km")
CLASS_FACTOR = 2.0


def on_larger_rims(craters: Craters, catalogue: Catalogue, largest_m: float) -> np.ndarray:
    """Whether the rim of another crater of the catalogue, as large or larger, is within REACH radii of each (n).

    The catalogue is read only around them, by classes of diameter: the larger, the further out. `largest_m` is its
    largest diameter.
    """
    is_on_rim, diameter_m = np.zeros(len(craters), bool), float(craters.diameter_m.min())
    while diameter_m <= largest_m:
        near = _near_craters(craters, catalogue, (diameter_m, diameter_m * CLASS_FACTOR))
        is_on_rim |= on_rims(craters, near, catalogue.body.radius_m)
        diameter_m *= CLASS_FACTOR
    return is_on_rim


def on_rims(craters: Craters, others: Craters, radius_m: float) -> np.ndarray:
    """Whether the rim of one of the others, as large or larger, is within REACH radii of each crater (n).

    A crater is not its own neighbour: one of the same place and diameter is left out.
    """
    if not len(others):
        return np.zeros(len(craters), bool)
    places, other_places = (unit_vectors(table.lon, table.lat) for table in (craters, others))
    size, other_size = (table.diameter_m / 2 / radius_m for table in (craters, others))
    farthest = (other_size.max() + REACH * size).clip(0, np.pi)
    pairs = KDTree(other_places).query_ball_point(places, 2 * np.sin(farthest / 2) * (1 + 1e-9))
    first = np.repeat(np.arange(len(craters)), [len(numbers) for numbers in pairs])
    second = np.concatenate([np.asarray(numbers, int) for numbers in pairs])
    apart = angles_between(places[first], other_places[second])
    is_same = (size[first] == other_size[second]) & (places[first] == other_places[second]).all(axis=1)
    is_close = np.abs(apart - other_size[second]) < REACH * size[first]
    is_close &= (other_size[second] >= size[first]) & ~is_same
    return np.bincount(first[is_close], minlength=len(craters)) > 0


def largest_diameter_m(catalogue: Catalogue) -> float:
    """The largest diameter of a catalogue, in metres; 0 without craters."""
    batches = catalogue.batches(["diameter_km"])
    return max((float(batch["diameter_km"].to_numpy().max()) for batch in batches), default=0.0) * 1000


def _near_craters(craters: Craters, catalogue: Catalogue, diameters_m: tuple[float, float]) -> Craters:
    """The craters of a class of diameters (from the first up to the second) whose rims may be near."""
    places = unit_vectors(craters.lon, craters.lat)
    middle = places.mean(axis=0)
    middle /= max(np.linalg.norm(middle), 1e-9)
    spread = float(angles_between(places, middle).max())
    reach_m = diameters_m[1] / 2 + REACH * min(diameters_m[1], float(craters.diameter_m.max())) / 2
    radius = spread + reach_m / catalogue.body.radius_m + 1e-6
    boxes = boxes_around_circle(middle, radius) if radius < np.pi / 2 else [EVERYWHERE]
    limits = (diameters_m[0] / 1000, diameters_m[1] / 1000)
    near = [Craters.of_catalogue(catalogue.select(box=box, diameter_km=limits).table(COLUMNS)) for box in boxes]
    return Craters.joined(near)
