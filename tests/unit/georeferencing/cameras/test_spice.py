"""Cameras by SPICE kernels against references: camera models (ISD) of USGS ale, and a place by USGS ISIS.

There are kernels of CTX and HiRISE; those of LRO and MESSENGER are made (see made_kernels).
"""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import spiceypy
from camera_files import CTX, HIRISE, NAC_SIZE
from made_kernels import (
    MDIS_COUNT,
    MDIS_FOCAL,
    MDIS_ISD,
    MDIS_TIME_S,
    NAC_DENSE_ISD,
    NAC_ISD,
    NacStrip,
    mdis_kernels,
    mdis_of_tables,
    write_text,
)
from raw_archive import CTX_LABEL, Archive
from raw_archive import HIRISE as HIRISE_IMAGE

from orbitile.georeferencing.cameras import spice
from orbitile.georeferencing.cameras.camera import to_ground
from orbitile.georeferencing.cameras.distortion import NoDistortion
from orbitile.georeferencing.cameras.isd import read_camera, read_ellipsoid
from orbitile.georeferencing.cameras.spice_kernels import loaded_kernels
from orbitile.georeferencing.cameras.surfaces import Ellipsoid
from orbitile.georeferencing.instruments import ctx, hirise, lroc_nac, mdis_nac
from orbitile.georeferencing.instruments.geometry import camera_geometry
from orbitile.georeferencing.instruments.registry import read_product
from orbitile.space.ground import lonlat_of_points

ISIS_LON, ISIS_LAT = 203.2696943796249 - 360, -1.112044140807593
"""Where ISIS sees its sample 128 and line 2500 of the HiRISE image, which are our (127.5, 2499.5)."""
MIDDLE = np.array([127.5]), np.array([2499.5])

CTX_PRODUCT, HIRISE_PRODUCT = read_product(CTX_LABEL), read_product(HIRISE_IMAGE)


@pytest.fixture(scope="module")
def of_ctx():
    return camera_geometry(CTX_PRODUCT, CTX)


@pytest.fixture(scope="module")
def of_hirise():
    return camera_geometry(HIRISE_PRODUCT, HIRISE)


@pytest.fixture(scope="module")
def strip(tmp_path_factory):
    return NacStrip.of_tables(tmp_path_factory.mktemp("nac"))


@pytest.fixture(scope="module")
def of_nac(strip):
    return camera_geometry(strip.product(), strip.folder)


@pytest.fixture(scope="module")
def mercury(tmp_path_factory):
    return mdis_kernels(tmp_path_factory.mktemp("mdis"))


def table(path):
    isd = json.loads(path.read_text())
    place = isd["instrument_position"]
    return isd["starting_ephemeris_time"], np.array(place["ephemeris_times"]), np.array(place["positions"]) * 1000


def start(instrument, product, kernels):
    with loaded_kernels(kernels):
        return instrument.camera.exposure(product)


def pixels_in(camera, count=500):
    """Made-up pixels all over an image."""
    rng = np.random.default_rng(0)
    return rng.uniform(0, camera.width, count), rng.uniform(0, camera.height, count)


def far_apart(camera, other, shape, offset=0.0):
    """How far apart (m) two cameras see the same pixels on the ground, the other's columns being more by an offset."""
    col, row = pixels_in(camera)
    apart = to_ground(camera, shape, col, row) - to_ground(other, shape, col + offset, row)
    return np.linalg.norm(apart, axis=1).max()


def from_isis(geometry, camera=None):
    """How far east and north (m) of ISIS' place the HiRISE image's middle is seen."""
    ground = to_ground(camera or geometry.camera, geometry.ellipsoid, *MIDDLE)
    (lon,), (lat,) = lonlat_of_points(ground)
    radius = np.linalg.norm(ground)
    return np.radians(lon - ISIS_LON) * radius * np.cos(np.radians(lat)), np.radians(lat - ISIS_LAT) * radius


def test_ctx_is_where_and_when_its_camera_model_says(of_ctx):
    began, times, expected = table(CTX / "ctx_isd.json")
    line = start(ctx.CTX, CTX_PRODUCT, CTX)
    assert abs(line.epoch - began) < 1e-9
    assert np.abs(of_ctx.camera.motion.trajectory.at(times - line.epoch) - expected).max() < 1e-3
    assert of_ctx.error_m == 100


def test_ctx_sees_what_its_camera_model_sees(of_ctx):
    path = CTX / "ctx_isd.json"
    assert (of_ctx.camera.width, of_ctx.camera.height) == (5000, 400)
    # The model counts columns from the first sample that sees ground, as ISIS does.
    assert far_apart(of_ctx.camera, read_camera(path), read_ellipsoid(path)) < 1e-3


def test_the_sun_stands_where_the_camera_model_says(of_ctx):
    """The model has it in J2000, the way light came; 1e-4 is a third of an arc minute."""
    isd = json.loads((CTX / "ctx_isd.json").read_text())["sun_position"]
    place = read_camera(CTX / "ctx_isd.json").motion.body_rotation.at(np.zeros(1)).apply(isd["positions"][0])[0]
    np.testing.assert_allclose(of_ctx.sun, place / np.linalg.norm(place), atol=1e-4)


@pytest.mark.parametrize("name", ["of_ctx", "of_hirise", "of_nac"])
def test_round_trips_are_exact(name, request):
    found = request.getfixturevalue(name)
    col, row = pixels_in(found.camera)
    back = found.camera.to_image(to_ground(found.camera, found.ellipsoid, col, row))
    assert np.abs(np.stack(back) - (col, row)).max() < 1e-6


def test_hirise_sees_the_middle_where_isis_does(of_hirise):
    east, north = from_isis(of_hirise)
    assert np.hypot(east, north) < 10
    np.testing.assert_allclose((east, north), (-0.98, -5.71), atol=0.05)


def test_the_rest_at_hirise_lies_along_track(of_hirise):
    """1.5 pixels of 1.1 m across, 5.2 along track."""
    place = of_hirise.ellipsoid.at(np.array([ISIS_LON]), np.array([ISIS_LAT]))
    off = np.stack(of_hirise.camera.to_image(place)) - MIDDLE
    np.testing.assert_allclose(off[:, 0], (-1.54, 5.20), atol=0.05)


def test_the_rest_at_hirise_is_not_terrain(of_hirise):
    """The line of sight leans mostly across: the height that takes 5.7 m off north adds ten times as much east."""
    heights = np.arange(-4000.0, 4001.0, 50)
    shapes = [Ellipsoid(of_hirise.ellipsoid.equatorial_m + h, of_hirise.ellipsoid.polar_m + h) for h in heights]
    off = [np.hypot(*from_isis(replace(of_hirise, ellipsoid=shape))) for shape in shapes]
    assert heights[np.argmin(off)] == 0
    level = np.argmin([abs(from_isis(replace(of_hirise, ellipsoid=shape))[1]) for shape in shapes])
    assert off[level] > 40


def test_the_rest_at_hirise_is_not_the_clock():
    """The label of ISIS' cube begins at 217006138.29611 s: 3.4 km/s over 5 us are 2 cm."""
    line = start(hirise.HIRISE, HIRISE_PRODUCT, HIRISE)
    assert abs(line.epoch - 217006138.29611) < 1e-5


def test_the_rest_at_hirise_is_as_large_as_the_distortion_along_track(of_hirise):
    """Without its distortion the camera would be right along track, but farther off across.

    That ISIS' camera has the same model speaks against a cause. Likelier is the orbit: these kernels hold a later
    solution than mro_psp1.bsp, which the oldest label of the cube names.
    """
    optics = replace(of_hirise.camera.optics, distortion=NoDistortion())
    place = of_hirise.ellipsoid.at(np.array([ISIS_LON]), np.array([ISIS_LAT]))
    off = np.stack(replace(of_hirise.camera, optics=optics).to_image(place)) - MIDDLE
    np.testing.assert_allclose(off[:, 0], (-1.93, -0.32), atol=0.05)


def test_addenda_of_isis_count_more_than_the_instrument_kernels_they_correct(of_hirise, tmp_path):
    keyword = "INS-74612_ITRANSS"
    bare, named = tmp_path / "bare", tmp_path / "named"
    for folder in (bare, named):
        shutil.copytree(HIRISE, folder)
        (folder / "hiriseAddendum006.ti").unlink()
    # By name alone this one came before mro_hirise_v12.ti.
    shutil.copy(HIRISE / "hiriseAddendum006.ti", named / "aAddendum.ti")
    found = {}
    for folder in (bare, named):
        with loaded_kernels(folder):
            found[folder] = spice.kernel_numbers(keyword, 3)[0]
    assert found == {bare: 1417.95, named: 1001.28}
    without = camera_geometry(HIRISE_PRODUCT, bare)
    assert 110 < far_apart(without.camera, of_hirise.camera, of_hirise.ellipsoid) < 115
    assert (of_hirise.error_m, without.error_m) == (100, pytest.approx(np.hypot(100, 115)))


def test_the_nac_begins_and_goes_on_as_its_camera_model_says(strip):
    """The kernels are made of this model's tables; the image begins 1024 lines after the count of the label."""
    began, *_ = table(NAC_ISD)
    line = start(lroc_nac.LROC_NACL, strip.product(), strip.folder)
    assert abs(line.epoch - began) < 1e-6
    assert line.times.rates == (pytest.approx(1.0288e-3 * 1.0045, rel=1e-12),)
    preroll = 302228503.31001675
    assert line.epoch - preroll == pytest.approx(1024 * 1.0288e-3 * 1.0045, abs=1e-6)


@pytest.mark.parametrize("path", [NAC_ISD, NAC_DENSE_ISD])
def test_the_nac_is_where_its_camera_models_say(path, strip, of_nac):
    """The first of these the kernels are made of; the second was asked of the mission's own kernels at every line."""
    _, times, expected = table(path)
    line = start(lroc_nac.LROC_NACL, strip.product(), strip.folder)
    assert np.abs(of_nac.camera.motion.trajectory.at(times - line.epoch) - expected).max() < 0.2


@pytest.mark.parametrize(("path", "lines"), [(NAC_ISD, NAC_SIZE[1]), (NAC_DENSE_ISD, 400)])
def test_the_nac_sees_what_its_camera_models_see(path, lines, strip):
    found = camera_geometry(strip.product(lines=lines), strip.folder)
    model = read_camera(path, (NAC_SIZE[0], lines))
    assert found.error_m == 20
    assert found.sun is None
    assert far_apart(found.camera, model, found.ellipsoid, offset=42) < 0.2


def test_without_the_frame_of_mean_earth_the_nac_is_farther_off_and_says_so(strip, of_nac, tmp_path):
    folder = shutil.copytree(strip.folder, tmp_path / "kernels")
    (folder / "moon_me.tf").unlink()
    found = camera_geometry(strip.product(), folder)
    assert found.error_m == pytest.approx(np.hypot(20, 150))
    assert 50 < far_apart(found.camera, of_nac.camera, of_nac.ellipsoid) < 150


RIGHT = dict(side=("= LEFT", "= RIGHT"))


@pytest.mark.parametrize("col", [0.5, 1000.0, 2495.5, 5000.0])
def test_the_right_nac_looks_as_isis_does(col, strip):
    """ISIS: y = (sample - 2496) / -142.8571 mm with samples from 1, then y / (1 + 1.83e-5 y^2) at 701.57 mm."""
    found = camera_geometry(strip.product("M103595705RE", **RIGHT), strip.folder)
    y = (24 + col + 0.5 - 2496) / -142.8571
    expected = np.array([0, y / (1 + 1.83e-5 * y * y), 701.57])
    _, directions = found.camera.rays(np.array([col]), np.array([100.0]))
    _, turned = found.camera.motion.at(found.camera.times.at(np.array([100.0])))
    np.testing.assert_allclose(
        turned.apply(directions, inverse=True)[0], expected / np.linalg.norm(expected), atol=1e-9
    )


def test_older_right_images_are_mirrored(strip):
    """Before version 1.3 they are read from the other end."""
    newer = camera_geometry(strip.product("M103595705RE", **RIGHT), strip.folder)
    older = camera_geometry(strip.product("M103595705RE", **RIGHT, version=('"v1.8"', '"v1.2"')), strip.folder)
    assert older.camera.detector.summing == -newer.camera.detector.summing == -1
    col, row = pixels_in(newer.camera)
    one = to_ground(newer.camera, newer.ellipsoid, col, row)
    other = to_ground(older.camera, newer.ellipsoid, newer.camera.width - col, row)
    assert np.abs(one - other).max() < 1e-6
    back = older.camera.to_image(one)
    assert np.abs(np.stack(back) - (newer.camera.width - col, row)).max() < 1e-6


def mdis(folder, size=1024, **keywords):
    """A made-up frame of MESSENGER's narrow-angle camera."""
    count = dict(SPACECRAFT_CLOCK_START_COUNT=f'"1/{MDIS_COUNT}:00000"', EXPOSURE_DURATION="4 <MS>")
    return read_product(Archive(folder).mdis(np.zeros((size, size), np.uint8), **count | keywords))


def test_mdis_is_when_and_where_its_camera_model_says_and_sees_what_it_sees(tmp_path):
    """The kernels are made of the model's tables and of its kernels' keywords; our columns begin two later."""
    kernels = mdis_of_tables(tmp_path)
    product = mdis(tmp_path, 512, EXPOSURE_DURATION="1 <MS>", FOCAL_PLANE_TEMPERATURE="4.07 <DEGC>")
    found, model = camera_geometry(product, kernels), read_camera(MDIS_ISD)
    assert start(mdis_nac.MDIS_NAC, product, kernels).epoch == pytest.approx(483122606.85252464, abs=1e-6)
    assert found.camera.optics.focal_mm == pytest.approx(549.5535053027719, abs=1e-12)
    assert np.abs(found.camera.position - model.position).max() < 0.2
    assert far_apart(found.camera, model, read_ellipsoid(MDIS_ISD), offset=2) < 0.2


def test_frames_come_back_exactly(mercury, tmp_path):
    found = camera_geometry(mdis(tmp_path), mercury)
    col, row = pixels_in(found.camera)
    ground = to_ground(found.camera, found.ellipsoid, col, row)
    assert np.isfinite(ground).all()
    assert np.abs(np.stack(found.camera.to_image(ground)) - (col, row)).max() < 1e-6


def test_frames_look_as_bus_and_pivot_are_turned(mercury, tmp_path):
    """The optical axis two degrees from straight down, 500 km up: some 17.5 km from the point below."""
    found = camera_geometry(mdis(tmp_path), mercury)
    below = found.camera.position / np.linalg.norm(found.camera.position) * 2439700
    axis = to_ground(found.camera, found.ellipsoid, np.array([508.0]), np.array([512.0]))[0]
    assert np.linalg.norm(axis - below) == pytest.approx(500e3 * np.tan(np.radians(2)), rel=0.01)


def test_frames_are_seen_in_the_middle_of_the_exposure(mercury, tmp_path):
    found = camera_geometry(mdis(tmp_path, EXPOSURE_DURATION="60000 <MS>"), mercury)
    with loaded_kernels(mercury):
        state, _ = spiceypy.spkezr("MESSENGER", MDIS_TIME_S + 30, "IAU_MERCURY", "LT+S", "MERCURY")
        turned = spiceypy.pxform("J2000", "IAU_MERCURY", MDIS_TIME_S + 30)
        state, _ = spiceypy.spkezr("MESSENGER", MDIS_TIME_S + 30, "J2000", "LT+S", "MERCURY")
    np.testing.assert_allclose(found.camera.position, turned @ state[:3] * 1000, atol=1e-3)


@pytest.mark.parametrize("degrees", [-40.0, 0.0, 4.07])
def test_the_focal_length_of_mdis_grows_with_temperature(degrees, mercury, tmp_path):
    found = camera_geometry(mdis(tmp_path, FOCAL_PLANE_TEMPERATURE=f"{degrees} <DEGC>"), mercury)
    assert found.camera.optics.focal_mm == pytest.approx(MDIS_FOCAL[0] + MDIS_FOCAL[1] * degrees, abs=1e-12)


@pytest.mark.parametrize(("fpu", "pixel", "summing"), [(0, 2, 2), (1, 0, 2), (1, 2, 4), (1, 4, 8)])
def test_summed_frames_look_where_whole_ones_do(fpu, pixel, summing, mercury, tmp_path):
    """A summed pixel's corner is that of the first detector pixel in it; whole frames begin at sample 4."""
    whole = camera_geometry(mdis(tmp_path), mercury).camera
    summed = camera_geometry(
        mdis(tmp_path, 1024 // summing, **{"MESS:FPU_BIN": fpu, "MESS:PIXELBIN": pixel}), mercury
    ).camera
    first = -(-4 // summing) * summing
    assert (summed.width, summed.height) == ((1024 - first) // summing, 1024 // summing)
    col, row = pixels_in(summed)
    _, expected = whole.rays(summing * col + first - 4, summing * row)
    np.testing.assert_allclose(summed.rays(col, row)[1], expected, atol=1e-12)


SURFACE_S = (3396.19 + 3376.2) / 2 / 299792.458
"""How long light takes from Mars' centre to its surface."""


def from_mars(time):
    """The spacecraft seen from Mars' centre, as SPICE gives it: the default of old."""
    return spiceypy.spkezr("-74", time, "J2000", "LT+S", "499")[0]


def to_mars(time):
    return -spiceypy.spkezr("499", time, "J2000", "LT+S", "-74")[0]


def without(time):
    return spiceypy.spkezr("-74", time, "J2000", "NONE", "499")[0]


def surface(correction):
    def seen(time):
        _, light_s = spiceypy.spkezr("499", time, "J2000", correction, "-74")
        mars = spiceypy.spkezr("499", time - light_s + SURFACE_S, "J2000", "NONE", "0")[0]
        return spiceypy.spkezr("-74", time, "J2000", "NONE", "0")[0] - mars

    return seen


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, from_mars),
        ({"swapped": True}, to_mars),
        ({"swapped": True, "to_surface": True}, surface("LT+S")),
        ({"swapped": True, "to_surface": True, "correction": "LT"}, surface("LT")),
        ({"correction": "NONE"}, without),
        ({"correction": "NONE", "swapped": True, "to_surface": True}, without),
    ],
)
def test_light_and_aberration_count_as_isis_keywords_say(changes, expected):
    time = start(hirise.HIRISE, HIRISE_PRODUCT, HIRISE).epoch
    with loaded_kernels(HIRISE):
        aim = replace(hirise.HIRISE.camera.motion_request(time), **changes)
        trajectory = spice.camera_motion(aim, np.array([time, time + 1]), time).trajectory
        states = np.array([expected(time), expected(time + 1)]) * 1000
    np.testing.assert_allclose(np.hstack([trajectory.positions, trajectory.velocities]), states, rtol=1e-13)


def test_light_and_aberration_count_by_tens_of_metres():
    """So that the cases above differ, and none stands for another by chance."""
    time = start(hirise.HIRISE, HIRISE_PRODUCT, HIRISE).epoch
    with loaded_kernels(HIRISE):
        seen = [one(time)[:3] * 1000 for one in (from_mars, to_mars, surface("LT+S"), without)]
    apart = [np.linalg.norm(one - other) for n, one in enumerate(seen) for other in seen[:n]]
    assert min(apart) > 10


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({}, ("LT+S", False, False)),
        ({"SWAP_OBSERVER_TARGET": "TRUE"}, ("LT+S", True, False)),
        ({"SWAP_OBSERVER_TARGET": "true", "LT_SURFACE_CORRECT": "true"}, ("LT+S", True, True)),
        ({"LIGHTTIME_CORRECTION": "none", "LT_SURFACE_CORRECT": "FALSE"}, ("NONE", False, False)),
    ],
)
def test_keywords_of_light_and_aberration_are_read_from_addenda(keywords, expected, tmp_path):
    folder = shutil.copytree(CTX, tmp_path / "kernels")
    write_text(folder / "mroctxAddendum.ti", "IK", **{f"INS-74021_{name}": word for name, word in keywords.items()})
    with loaded_kernels(folder):
        aim = ctx.CTX.camera.motion_request(0.0)
    assert (aim.correction, aim.swapped, aim.to_surface) == expected


def test_the_nac_has_no_light_time_by_its_addendum(strip):
    with loaded_kernels(strip.folder):
        left = lroc_nac.LROC_NACL.camera.motion_request(302228504.0)
    assert (left.correction, left.swapped, left.to_surface) == ("NONE", True, True)


def test_threads_do_not_mix_their_kernels(of_ctx, of_hirise, strip, of_nac):
    """SPICE's pool of kernels is one for all threads."""
    asked = [(CTX_PRODUCT, CTX), (HIRISE_PRODUCT, HIRISE), (strip.product(), strip.folder)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda one: camera_geometry(*asked[one % 3]), range(8)))
    for number, one in enumerate(found):
        expected = (of_ctx, of_hirise, of_nac)[number % 3]
        path, expected_path = one.camera.motion.trajectory, expected.camera.motion.trajectory
        np.testing.assert_array_equal(path.positions, expected_path.positions)
        assert far_apart(one.camera, expected.camera, expected.ellipsoid) == 0
