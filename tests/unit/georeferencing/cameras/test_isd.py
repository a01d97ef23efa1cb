import json

import numpy as np
import pytest
from camera_files import CTX, HIRISE, LRO_NAC, NAC_SIZE, USGSCSM

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.cameras.camera import to_ground
from orbitile.georeferencing.cameras.isd import read_camera, read_ellipsoid
from orbitile.georeferencing.cameras.surfaces import Ellipsoid

FILES = {
    "ctx": (CTX / "ctx_isd.json", None),
    "ctx, reduced tables": (USGSCSM / "ctxLineScan.json", None),
    "hirise": (HIRISE / "hirise_isd.json", None),
    "nac": (LRO_NAC / "lrolroc_isd.json", None),
    "nac, full strip": (LRO_NAC / "lro_isis_isd.json", NAC_SIZE),
    "nac, summed": (USGSCSM / "toughLroNacLineScan.json", None),
}


def places_in(camera, count=2000, beyond=0.0):
    """Made-up pixels all over an image, and some way beyond it."""
    rng = np.random.default_rng(0)
    low, high = -beyond, 1 + beyond
    return rng.uniform(low, high, count) * camera.width, rng.uniform(low, high, count) * camera.height


@pytest.mark.parametrize("name", FILES)
def test_round_trips_are_exact(name):
    path, size = FILES[name]
    camera = read_camera(path, size)
    col, row = places_in(camera)
    found = camera.to_image(to_ground(camera, read_ellipsoid(path), col, row))
    assert np.abs(np.stack(found) - (col, row)).max() < 1e-6


def test_the_round_trip_of_the_tough_strip_is_exact_at_its_height():
    path = USGSCSM / "toughLroNacLineScan.json"
    camera, moon = read_camera(path), read_ellipsoid(path)
    col, row = places_in(camera)
    ground = to_ground(camera, Ellipsoid(moon.equatorial_m + 2307.5, moon.polar_m + 2307.5), col, row)
    assert np.abs(np.stack(camera.to_image(ground)) - (col, row)).max() < 1e-8


def test_round_trips_go_on_a_little_beyond_the_image():
    path, size = FILES["nac, full strip"]
    camera = read_camera(path, size)
    col, row = places_in(camera, beyond=0.02)
    found = camera.to_image(to_ground(camera, read_ellipsoid(path), col, row))
    assert np.abs(np.stack(found) - (col, row)).max() < 1e-6


@pytest.mark.parametrize(
    ("name", "col", "row", "expected", "pixel_m"),
    [
        ("constVelocityLineScan", 8, 8, (9.999995, 0, 0.009999995), 1.98),
        ("orbitalLineScan", 8, 8.5, (999999.67004351015, 0, -812.35021438796923), 100),
    ],
)
def test_made_up_cameras_see_where_usgscsm_says(name, col, row, expected, pixel_m):
    path = USGSCSM / f"{name}.json"
    camera = read_camera(path)
    ground = to_ground(camera, read_ellipsoid(path), np.array([float(col)]), np.array([float(row)]))
    assert np.linalg.norm(ground[0] - expected) < 0.01 * pixel_m


def test_two_tables_of_one_nac_strip_agree():
    """One by ISIS, thinned out, one asked of SPICE every line: the first 400 lines."""
    thinned = read_camera(LRO_NAC / "lro_isis_isd.json", NAC_SIZE)
    dense = read_camera(LRO_NAC / "lrolroc_isd.json")
    times = np.linspace(*dense.motion.trajectory.times[[0, -1]], 400)
    later = dense_epoch() - thinned_epoch()
    assert np.abs(thinned.motion.trajectory.at(times + later) - dense.motion.trajectory.at(times)).max() < 0.2
    moon = read_ellipsoid(LRO_NAC / "lrolroc_isd.json")
    col, row = places_in(dense)
    apart = to_ground(thinned, moon, col, row) - to_ground(dense, moon, col, row)
    # Their sign of the line direction differs, which counts at the optical axis' line only: nothing here.
    assert np.linalg.norm(apart, axis=1).max() < 0.2


def dense_epoch():
    return json.loads((LRO_NAC / "lrolroc_isd.json").read_text())["center_ephemeris_time"]


def thinned_epoch():
    return json.loads((LRO_NAC / "lro_isis_isd.json").read_text())["center_ephemeris_time"]


def test_points_on_the_far_side_are_not_seen():
    path = LRO_NAC / "lrolroc_isd.json"
    camera = read_camera(path)
    ground = to_ground(camera, read_ellipsoid(path), np.array([100.0]), np.array([10.0]))
    col, row = camera.to_image(np.concatenate([ground, -ground, [[np.nan] * 3]]))
    np.testing.assert_allclose((col[0], row[0]), (100, 10), atol=1e-6)
    assert np.isnan(col[1:]).all()
    assert np.isnan(row[1:]).all()


def test_an_older_dialect_of_body_fixed_tables_is_the_same_camera(tmp_path):
    """Positions and attitudes as older tools wrote them, made of the J2000 tables of another file."""
    path = LRO_NAC / "lrolroc_isd.json"
    isd, camera = json.loads(path.read_text()), read_camera(path)
    times = camera.motion.trajectory.times
    positions, turned = camera.motion.at(times)
    velocities = np.gradient(positions, times, axis=0, edge_order=2)
    for name in ("instrument_position", "instrument_pointing", "body_rotation"):
        del isd[name]
    step = times[1] - times[0]
    isd |= dict(
        sensor_position=dict(unit="m", positions=positions.tolist(), velocities=velocities.tolist()),
        sensor_orientation=dict(quaternions=turned.as_quat().tolist()),
        t0_ephemeris=times[0], dt_ephemeris=step, t0_quaternion=times[0], dt_quaternion=step,
    )  # fmt: skip
    older = tmp_path / "older.json"
    older.write_text(json.dumps(isd))
    moon = read_ellipsoid(path)
    col, row = places_in(camera)
    np.testing.assert_allclose(
        to_ground(read_camera(older), moon, col, row), to_ground(camera, moon, col, row), atol=0.01
    )


def framing(tmp_path, **changes):
    """A made-up framing camera 500 km over the Moon's equator at 0 E, looking straight down, north up."""
    columns_east_rows_south = [[0, 0, -1], [1, 0, 0], [0, -1, 0]]  # camera x east, y south, z down, in body axes
    isd = dict(
        name_model="USGS_ASTRO_FRAME_SENSOR_MODEL", image_samples=1024, image_lines=1024, center_ephemeris_time=0.0,
        detector_center=dict(sample=512, line=512), starting_detector_sample=0, starting_detector_line=0,
        detector_sample_summing=1, focal_length_model=dict(focal_length=500.0),
        focal2pixel_samples=[0, 100, 0], focal2pixel_lines=[0, 0, 100],
        optical_distortion=dict(transverse=dict(x=[0, 1] + [0] * 8, y=[0, 0, 1] + [0] * 7)),
        radii=dict(semimajor=1737.4, semiminor=1737.4, unit="km"),
        sensor_position=dict(unit="km", positions=[[2237.4, 0, 0]], velocities=[[0, 0, 0]]),
        sensor_orientation=dict(quaternions=[quaternion(columns_east_rows_south)]),
    )  # fmt: skip
    path = tmp_path / "framing.json"
    path.write_text(json.dumps(isd | changes))
    return path


def quaternion(matrix):
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(np.array(matrix)).as_quat().tolist()


def test_a_framing_camera_sees_what_a_pinhole_sees(tmp_path):
    path = framing(tmp_path)
    camera = read_camera(path)
    ground = to_ground(camera, read_ellipsoid(path), np.array([512.0, 612.0, 512.0]), np.array([512.0, 512.0, 612.0]))
    np.testing.assert_allclose(ground[0], [1737400, 0, 0], atol=1e-6)
    # 100 pixels of 10 um at 500 mm and 500 km are 1 km, east and south.
    np.testing.assert_allclose(ground[1], [1737400, 1000, 0], atol=0.5)
    np.testing.assert_allclose(ground[2], [1737400, 0, -1000], atol=0.5)
    np.testing.assert_allclose(np.stack(camera.to_image(ground)), [[512, 612, 512], [512, 512, 612]], atol=1e-8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "not a readable camera model"),
        ("[1]", "not a camera model"),
        ('{"name_model": "USGS_ASTRO_SAR_SENSOR_MODEL"}', "models that can be read: "),
        ('{"name_model": "USGS_ASTRO_LINE_SCANNER_SENSOR_MODEL"}', "'image_samples' missing"),
    ],
)
def test_what_is_no_camera_model_is_refused(text, message, tmp_path):
    path = tmp_path / "isd.json"
    path.write_text(text)
    with pytest.raises(OrbitileError, match=message) as told:
        read_camera(path)
    assert str(path) in str(told.value)


def test_an_unknown_distortion_is_refused(tmp_path):
    with pytest.raises(OrbitileError, match="optical_distortion is 'kaguya'"):
        read_camera(framing(tmp_path, optical_distortion=dict(kaguya=dict())))
