import numpy as np
import pytest
from made_terrain import MOON
from small_catalogues import write_small_catalogue

import orbitile.catalogue
from orbitile.counting.larger_craters import REACH, largest_diameter_m, on_larger_rims, on_rims
from orbitile.space.ground import distance
from orbitile.tables.craters import Craters


def on_rims_plainly(craters):
    """Of all pairs."""
    apart = distance(*(side[:, None] for side in (craters.lon, craters.lat)), craters.lon, craters.lat) * MOON.radius_m
    radius = craters.diameter_m / 2
    is_near = np.abs(apart - radius) < REACH * radius[:, None]
    is_near &= (radius >= radius[:, None]) & ~np.eye(len(radius), dtype=bool)
    return is_near.any(axis=1)


@pytest.mark.parametrize("middle", [(0.0, 0.0), (180.0, 60.0), (0.0, 90.0), (77.0, -89.5)])
def test_craters_on_larger_rims_are_those_of_all_pairs(middle, tmp_path):
    random = np.random.default_rng(3)
    lon = (middle[0] + random.uniform(-8, 8, 150) / max(np.cos(np.radians(middle[1])), 0.05) + 180) % 360 - 180
    lat = (middle[1] + random.uniform(-8, 8, 150)).clip(-90, 90)
    diameter_km = 5 * random.random(150) ** -0.7
    part_of = np.arange(150) % 3
    manifest = write_small_catalogue(tmp_path, list(zip(lon, lat, diameter_km, strict=True)), part_of=part_of)
    catalogue = orbitile.catalogue.open(manifest)
    craters = Craters.of_catalogue(catalogue.table())
    expected = on_rims_plainly(craters)
    assert 10 < expected.sum() < 140
    assert (on_rims(craters, craters, MOON.radius_m) == expected).all()
    batches = [Craters.of_catalogue(batch) for batch in catalogue.batches()]
    measured = [on_larger_rims(batch, catalogue, largest_diameter_m(catalogue)) for batch in batches]
    assert (np.concatenate(measured) == expected).all()


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((0.0, 0.0, 30.0), False), ((0.5, 0.0, 30.0), True), ((0.9, 0.0, 30.0), False), ((0.3, 0.0, 9.0), False),
        ((0.3, 0.0, 10.0), True), ((0.0, 0.0, 200.0), False), ((3.3, 0.0, 200.0), True),
    ],
)  # fmt: skip
def test_only_rims_near_the_crater_count(other, expected):
    crater, larger = (Craters(*(np.array([value]) for value in (lon, lat, 1000 * km)))
                      for lon, lat, km in ((0.0, 0.0, 10.0), other))  # fmt: skip
    assert on_rims(crater, larger, MOON.radius_m).tolist() == [expected]
