"""The sections of density and secondaries are what their stages take."""

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.counting.rays import Primary
from orbitile.settings import check_settings
from orbitile.stages.density import DensityChoice, SearchLimits
from orbitile.stages.secondaries import SecondaryChoice

MODEL = dict(weights=__file__, sha256="0" * 64)
SCALES = [dict(gsd_m=100, min_object_px=11), dict(gsd_m=200)]
MINIMAL = dict(run="r", body="Moon", scenes="scenes.csv", scales=SCALES, model=MODEL)
PRIMARY = dict(lon=-11.2, lat=-43.3, diameter_km=85)


def checked(**change):
    return check_settings(MINIMAL | change, ["config.yaml"])


def test_defaults_are_those_of_the_stages():
    settings = checked()
    assert DensityChoice(**settings.density.model_dump()) == DensityChoice()
    assert SecondaryChoice(**settings.secondaries.model_dump()) == SecondaryChoice()
    choice = SecondaryChoice(**checked(secondaries=dict(primary=PRIMARY)).secondaries.model_dump())
    assert Primary(**choice.primary) == Primary(**PRIMARY)
    assert SearchLimits(**settings.search_limits) == SearchLimits(1.1, 0.1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(density=dict(diameters_km=[])), "density.diameters_km"),
        (dict(density=dict(diameters_km=[0])), "density.diameters_km.0: 0 given"),
        (dict(density=dict(cell_km=-5)), "density.cell_km: -5 given"),
        (dict(density=dict(cell_deg=1)), "density.cell_deg: unknown key"),
        (dict(secondaries=dict(false_discovery=1)), "secondaries.false_discovery: 1 given"),
        (dict(secondaries=dict(primary=PRIMARY | dict(lat=95))), "secondaries.primary.lat: 95 given"),
        (dict(secondaries=dict(primary=PRIMARY | dict(lon=1000))), "secondaries.primary.lon: 1000 given"),
        (dict(secondaries=dict(primary=dict(lon=1, lat=2))), "secondaries.primary.diameter_km"),
        (dict(secondaries=dict(primary=PRIMARY | dict(range_radii=[9, 2]))), "give the nearer limit first"),
    ],
)
def test_what_cannot_be(change, words):
    with pytest.raises(OrbitileError) as error:
        checked(**change)
    assert words in str(error.value) and "\n" not in str(error.value)
