"""Populations of craters of a known age, imaged, detected in tiles and counted, come back at that age.

The detector is made up (see seen_discs): it sees every crater that is large enough, with edges that are off by up to a
pixel. Ages are those of the density of craters of FROM_KM and more, by the chronology that they were drawn with.
"""

import numpy as np
import pytest
import shapely
from plain_suppression import MOON_M
from planted_craters import accumulated, area, craters, cumulative_density
from scipy.optimize import brentq
from seen_discs import GSD_M, JITTER_PX, World, largest_in, least_size, scale, settings_of, single, surviving_detections

from orbitile.counting.count_craters import CountingMethod, count_in_area
from orbitile.counting.searched_ground import DiameterRange, SearchedGround
from orbitile.counting.size_frequency import SizeFrequency
from orbitile.space.bodies import find_body

AGE_GA = 3.4
CASES = 20
SIDE_PX = 3000
FROM_KM, LEAST_KM, MOST_KM = 0.25, 0.12, 4.0
IOU = 0.6
"""What suppression allows: craters that lie in each other more than that lose one."""
REPORTED_PX = least_size(IOU) + 2 * JITTER_PX + 0.01
SETTINGS = settings_of(
    *(scale(gsd_m=GSD_M * factor, min_object_px=REPORTED_PX) for factor in (1, 2, 4, 8)), iou_threshold=IOU
)
DEGREE_M = MOON_M * np.pi / 180


def population(random):
    """Columns, rows and diameters (n, 3; pixels) of the craters of a surface, none of which an older one hides."""
    grid = np.geomspace(LEAST_KM, MOST_KM, 1000)
    density = cumulative_density(grid, AGE_GA)
    number = random.poisson((density[0] - density[-1]) * (SIDE_PX * GSD_M / 1000) ** 2)
    share = (density[0] - density) / (density[0] - density[-1])
    diameter_px = np.exp(np.interp(random.random(number), share, np.log(grid))) * 1000 / GSD_M
    return np.column_stack([*random.uniform(0, SIDE_PX, (2, number)), diameter_px])


def ground(box):
    shape = np.array([shapely.segmentize(box, 0.1)], object)
    return SearchedGround({GSD_M: shape}, {GSD_M: DiameterRange(LEAST_KM, MOST_KM)}, None, find_body("Moon"))


def counted_density(random, folder):
    """The density of craters of FROM_KM and more that a run detects and counts, and its error (km-2)."""
    world = World(single(0, 0, SIDE_PX, SIDE_PX), population(random), SETTINGS, seed=int(random.integers(2**31)))
    rows = surviving_detections(world, folder)
    detected = craters(rows["lon"], rows["lat"], rows["diameter_km"])
    side = SIDE_PX * GSD_M / DEGREE_M
    box = shapely.box(0, -side, side, 0)
    count = count_in_area(area(box), detected, ground(box), CountingMethod()).count
    frequency = SizeFrequency.of(count.taking(count.diameter_km >= FROM_KM), "none")
    return frequency.cumulative[0], frequency.cumulative_error[0]


def age_of(density):
    """The age (Ga) at which craters of FROM_KM and more have a density."""
    at_once = cumulative_density(FROM_KM, 1.0) / accumulated(1.0)
    return brentq(lambda age: at_once * accumulated(age) - density, 0.01, 4.5)


@pytest.fixture(scope="module")
def densities(tmp_path_factory):
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("imaged")
    return np.array([counted_density(random, folder) for _ in range(CASES)])


def test_imaged_populations_come_back_at_their_age(densities):
    limits = [(age_of(density - 2 * error), age_of(density + 2 * error)) for density, error in densities]
    within = sum(low <= AGE_GA <= high for low, high in limits)
    assert within >= 17  # of 20, where 19 are expected: fewer once in 60
    ages = [age_of(density) for density, _ in densities]
    assert np.mean(ages) == pytest.approx(AGE_GA, abs=3 * np.std(ages) / np.sqrt(CASES) + 0.005)


def test_the_scales_hold_all_craters_that_count():
    assert largest_in(SETTINGS) * SETTINGS.scales[-1].gsd_m / 1000 > MOST_KM
