"""How far maps stretch circles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS

from orbitile.space.ground import Ground, ground_ellipses
from orbitile.space.map_stretch import map_stretch

RADIUS_M = 1737400.0


def wkt_of(code):
    return CRS.from_authority("IAU_2015", code).to_wkt()


@pytest.mark.parametrize(
    ("code", "lat", "stretch"),
    [(30100, 60, 2), (30110, 0, 1), (30110, 60, 2), (30110, -80, 5.7588), (30130, 70, 1), (49911, 60, 2)],
)
def test_stretch_of_maps(code, lat, stretch):
    assert map_stretch(wkt_of(code), np.array([20.0]), np.array([float(lat)])) == pytest.approx(stretch, rel=1e-4)


def test_places_off_a_map_and_systems_without_a_body_have_none():
    lon, lat = np.array([0.0, 0.0]), np.array([60.0, -60.0])
    north_alone = CRS.from_user_input("+proj=gnom +lat_0=90 +R=1737400").to_wkt()
    assert np.isnan(map_stretch(north_alone, lon, lat)).tolist() == [False, True]
    assert np.isnan(map_stretch('LOCAL_CS["arbitrary",UNIT["metre",1]]', lon, lat)).all()


@settings(max_examples=50, deadline=None, derandomize=True)
@given(code=st.sampled_from([30110, 30120, 30130, 30140]), lon=st.floats(-170, 170), lat=st.floats(-80, 80))
def test_small_circles_are_as_oblong_as_it_says(code, lon, lat):
    wkt = wkt_of(code)
    ring = ground_ellipses(*np.array([[lon], [lat], [100.0], [100.0]]), RADIUS_M)
    ground = Ground(wkt, RADIUS_M)
    x, y = ground.xy(*ring, *(side[:, None] for side in ground.xy(np.array([lon]), np.array([lat]), 0.0, 0.0)))
    centred = np.stack([x[0] - x[0].mean(), y[0] - y[0].mean()])
    axes = np.sqrt(np.linalg.eigvalsh(centred @ centred.T))
    assert map_stretch(wkt, np.array([lon]), np.array([lat])) == pytest.approx(axes[1] / axes[0], rel=0.01)
