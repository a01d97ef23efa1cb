"""The section dating of the settings."""

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.settings import check_settings

MODEL = dict(weights=__file__, sha256="0" * 64)
MINIMAL = dict(run="r", body="Moon", scenes="scenes.csv", scales=[dict(gsd_m=100)], model=MODEL)


def dating(**section):
    return check_settings(MINIMAL | dict(dating=section), ["config.yaml"])


def test_the_choice_is_all_but_the_program():
    assert dating(range_km=[0.5, None]).dating_choice == dict(
        chronology_system=None, fits=("poisson", "cumulative"), range_km=(0.5, None), epochs=None, equilibrium=None
    )


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (dict(range_km=[2, 1]), r"range_km: 2 to 1 given; the least diameter is not below the largest"),
        (dict(range_km=[0, 1]), r"dating.range_km.0.*: 0 given"),
        (dict(fits=[]), r"dating.fits"),
        (dict(fits=["poisson", "poisson"]), r"each may stand there once"),
        (dict(fits=["binned"]), r"dating.fits.0: 'binned' given"),
        (dict(age=3), r"dating.age: unknown key"),
    ],
)
def test_faults_are_one_line(section, message):
    with pytest.raises(OrbitileError, match=message) as raised:
        dating(**section)
    assert "\n" not in str(raised.value)
