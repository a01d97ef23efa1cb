"""Populations of craters with known answers: drawn from a production function at an age, seen by a faulty network."""

from dataclasses import dataclass

import numpy as np
import shapely

from orbitile.counting.areas import NamedArea
from orbitile.counting.completeness_correction import CORRECT, CompletenessCorrection
from orbitile.counting.count_craters import Detected
from orbitile.counting.searched_ground import DiameterRange, SearchedGround
from orbitile.space.bodies import find_body

NEUKUM_2001 = (
    -3.0768, -3.557528, 0.781027, 1.021521, -0.156012, -0.444058, 0.019977, 0.086850, -0.005874, -0.006809, 8.25e-4,
    5.54e-5,
)  # fmt: skip
"""log10 of craters of D km and more per km2 and 10^9 years, in powers of log10 D (Neukum, Ivanov and Hartmann 2001)."""
LEAST_KM, MOST_KM = 1.0, 100.0
BOX = (-6.0, 0.0, 6.0, 12.0)
MOON = find_body("Moon")


def accumulated(age_ga):
    """The craters of 1 km and more per km2 at an age, over those of the last 10^9 years (the same source)."""
    return (5.44e-14 * (np.exp(6.93 * age_ga) - 1) + 8.38e-4 * age_ga) / 8.38e-4


def cumulative_density(diameter_km, age_ga):
    """Craters of diameters and more per km2 at an age."""
    powers = np.log10(np.asarray(diameter_km, float))[..., None] ** np.arange(len(NEUKUM_2001))
    return 10 ** (powers @ np.array(NEUKUM_2001)) * accumulated(age_ga)


def box_km2(west, south, east, north):
    """The area of a box of longitudes and latitudes."""
    height = np.sin(np.radians(north)) - np.sin(np.radians(south))
    return np.radians(east - west) * height * (MOON.radius_m / 1000) ** 2


def searched_box(box=BOX, sizes=(LEAST_KM, MOST_KM), **options):
    """Ground that was searched at a scale, in a box of longitudes and latitudes."""
    shape = np.array([shapely.segmentize(shapely.box(*box), 0.5)], object)
    return SearchedGround({100.0: shape}, {100.0: DiameterRange(*sizes)}, options.get("excluded"), MOON)


def area(shape, name="a"):
    return NamedArea(name, shape)


def craters(lon, lat, diameter_km, probability=None):
    """Detected craters; of unknown probability where none is given."""
    columns = np.broadcast_arrays(*(np.asarray(column, float) for column in (lon, lat, diameter_km)))
    unknown = np.full(columns[0].shape, np.nan)
    return Detected(*map(np.atleast_1d, columns), np.atleast_1d(unknown if probability is None else probability))


@dataclass(frozen=True)
class FaultyNetwork:
    """A network that misses craters by a known curve, and sees false ones, of all sizes alike in their logarithm."""

    false_per_km2: float = 4e-4
    half_km: float = 2.0

    def completeness(self, diameter_km):
        return 1 / (1 + (self.half_km / np.asarray(diameter_km)) ** 2)

    @property
    def correction(self):
        grid = np.geomspace(LEAST_KM, MOST_KM, 400)
        return CompletenessCorrection(CORRECT, LEAST_KM, "made up", grid, self.completeness(grid))

    def probability(self, diameter_km, age_ga):
        """Of being true: the share of true detections among those of a diameter."""
        step = 1.001
        true = cumulative_density(diameter_km, age_ga) - cumulative_density(diameter_km * step, age_ga)
        false = self.false_per_km2 * np.log(step) / np.log(MOST_KM / LEAST_KM)
        seen = true * self.completeness(diameter_km)
        return seen / (seen + false)


def drawn_population(random, age_ga, box=BOX):
    """True craters of a surface of an age in a box: their longitudes, latitudes and diameters in km."""
    grid = np.geomspace(LEAST_KM, MOST_KM, 2000)
    density = cumulative_density(grid, age_ga)
    number = random.poisson((density[0] - density[-1]) * box_km2(*box))
    share = (density[0] - density) / (density[0] - density[-1])
    diameter_km = np.exp(np.interp(random.random(number), share, np.log(grid)))
    return *_places(random, number, box), diameter_km


def seen_by(network, random, population, age_ga, box=BOX):
    """What a network detects of a population, true and false, with probabilities that are right."""
    lon, lat, diameter_km = population
    is_seen = random.random(len(lon)) < network.completeness(diameter_km)
    number = random.poisson(network.false_per_km2 * box_km2(*box))
    false_km = np.exp(random.uniform(np.log(LEAST_KM), np.log(MOST_KM), number))
    places = zip((lon[is_seen], lat[is_seen]), _places(random, number, box), strict=True)
    size = np.concatenate([diameter_km[is_seen], false_km])
    return craters(*map(np.concatenate, places), size, network.probability(size, age_ga))


def _places(random, number, box):
    west, south, east, north = box
    height = random.uniform(np.sin(np.radians(south)), np.sin(np.radians(north)), number)
    return random.uniform(west, east, number), np.degrees(np.arcsin(height))
