import pytest

from orbitile.counting.pike import COMPLEX, SIMPLE, depths_by_pike
from orbitile.space.bodies import find_body


@pytest.mark.parametrize(
    ("line", "diameter_km", "depth_km"), [(SIMPLE, 1, 0.196), (SIMPLE, 10, 2.006), (COMPLEX, 100, 4.18)]
)
def test_depths_are_those_published(line, diameter_km, depth_km):
    assert line.depth_km(diameter_km) == pytest.approx(depth_km, rel=2e-3)


def test_only_the_moon_has_them():
    assert depths_by_pike(find_body("Mars")) == () and len(depths_by_pike(find_body("Moon"))) == 2
