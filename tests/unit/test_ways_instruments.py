from orbitile.cameras.from_kernels import INSTRUMENTS as WITH_CAMERAS
from orbitile.isis.sequences import PROGRAMS
from orbitile.raw.products import INSTRUMENTS


def test_every_instrument_that_is_read_has_a_camera_and_a_way_through_isis():
    assert set(WITH_CAMERAS) == set(INSTRUMENTS) == set(PROGRAMS)
