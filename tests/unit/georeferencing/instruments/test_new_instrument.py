"""A new instrument is one value and one entry in the list: nothing else is changed for this made-up one.

PROBE_CAM is a line scanner over the Moon. It packs counts into bytes by halving them, fills gaps with 255, and has an
optical black column on each side.
"""

import shutil

import numpy as np
import pytest
from fake_isis import FakeIsis
from made_kernels import BODIES, LEAP_SECONDS, attitudes, clock, frame, positions, write_text
from raw_archive import Archive
from scipy.spatial.transform import Rotation

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.cameras import spice
from orbitile.georeferencing.cameras.camera import to_ground
from orbitile.georeferencing.cameras.distortion import NoDistortion
from orbitile.georeferencing.cameras.optics import Optics
from orbitile.georeferencing.image_geometry import image_geometry
from orbitile.georeferencing.image_header import read_image_header
from orbitile.georeferencing.instruments import registry
from orbitile.georeferencing.instruments.geometry import camera_geometry
from orbitile.georeferencing.instruments.instrument import Instrument
from orbitile.georeferencing.instruments.isis_support import isis_available
from orbitile.georeferencing.instruments.registry import find_instrument, instrument_names, read_product
from orbitile.georeferencing.instruments.spice_camera import (
    Mission,
    SpiceCamera,
    boresight,
    detector_column,
    even_lines,
    focal_plane,
)
from orbitile.georeferencing.isis.sequences import IsisPrograms
from orbitile.georeferencing.methods import choose_method
from orbitile.georeferencing.raw.corrections import OddEven, measure_odd_even
from orbitile.georeferencing.raw.pixels import RawPixels
from orbitile.georeferencing.raw.products import Columns, RawFormat, check_line_samples
from orbitile.georeferencing.raw.radiometry import CorrectedPixels, measure_corrections
from orbitile.georeferencing.request import GeorefRequest
from orbitile.space.bodies import find_body
from orbitile.space.grids import Window
from orbitile.tables.georef_methods import ISIS, SPICE

CODE, SPACECRAFT, BUS = -999100, -999, -999000
WIDTH, LINES, LINE_S = 102, 40, 0.01
TIME_S, COUNT = 4e8, 1000
HEIGHT_KM, RADIUS_KM, SPEED_KM_S = 100.0, 1737.4, 1.6
FOCAL_MM, PIXEL_MM = 500.0, 0.01


def columns(label, samples):
    check_line_samples(label, samples, WIDTH)
    return Columns(1, 1, 1.0, 1)


def optics(product):
    focal_mm = spice.kernel_number(f"INS{CODE}_FOCAL_LENGTH")
    return Optics(focal_mm, NoDistortion(), boresight(CODE), *focal_plane(CODE))


def exposure(product):
    start = spice.clock_time(SPACECRAFT, product.label.text("SPACECRAFT_CLOCK_START_COUNT"))
    return even_lines(start, product.label.number("LINE_EXPOSURE_DURATION", "s"))


PROBE_CAM = Instrument(
    name="PROBE_CAM",
    label_values={"INSTRUMENT_ID": "PROBE-CAM", "DETECTOR_ID": "VISIBLE"},
    raw=RawFormat(
        columns,
        corrections=lambda product: [measure_odd_even],
        decompanding_table=lambda label: 2.0 * np.arange(256),
        is_valid=lambda stored: stored < 255,
    ),
    camera=SpiceCamera(
        Mission("PROBE", BUS, "MOON", ("IAU_MOON",)), CODE, "PROBE_CAM", 50.0, optics, detector_column, exposure,
        correction="NONE",
    ),
    isis=IsisPrograms("probe2isis", ("probecal",)),
)  # fmt: skip


@pytest.fixture
def listed(monkeypatch):
    monkeypatch.setattr(registry, "INSTRUMENTS", (*registry.INSTRUMENTS, PROBE_CAM))


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """A flight along a circle over the Moon, whose camera looks straight down with its lines across the flight."""
    folder = tmp_path_factory.mktemp("kernels")
    shutil.copy(LEAP_SECONDS, folder)
    shutil.copy(BODIES, folder)
    clock(folder / "probe.tsc", SPACECRAFT, COUNT, TIME_S)
    names = dict(NAIF_BODY_NAME="PROBE", NAIF_BODY_CODE=SPACECRAFT)
    frames = frame("PROBE_BUS", BUS, 3, SPACECRAFT) | frame("PROBE_CAM", CODE, 4, SPACECRAFT, relative="PROBE_BUS")
    write_text(folder / "probe.tf", "FK", **names, **frames)
    numbers = dict(
        FOCAL_LENGTH=FOCAL_MM, BORESIGHT_SAMPLE=WIDTH / 2 + 0.5, BORESIGHT_LINE=0,
        ITRANSS=[0, 1 / PIXEL_MM, 0], ITRANSL=[0, 0, 1 / PIXEL_MM],
    )  # fmt: skip
    write_text(folder / "probe.ti", "IK", **{f"INS{CODE}_{name}": value for name, value in numbers.items()})
    times = TIME_S + np.linspace(-5, 5, 101)
    angles = (times - TIME_S) * SPEED_KM_S / (RADIUS_KM + HEIGHT_KM)
    up = np.stack([np.cos(angles), np.sin(angles), np.zeros_like(angles)], axis=1)
    ahead = np.stack([-np.sin(angles), np.cos(angles), np.zeros_like(angles)], axis=1)
    states = np.hstack([up * (RADIUS_KM + HEIGHT_KM), ahead * SPEED_KM_S])
    positions(folder / "probe.bsp", SPACECRAFT, 301, times, states)
    # The camera's axes x, y and z point to the right of the flight, backwards and down.
    axes = np.stack([np.cross(ahead, up), -ahead, -up], axis=1)
    attitudes(folder / "probe.bc", BUS, SPACECRAFT, times, Rotation.from_matrix(axes))
    return folder


@pytest.fixture
def pixels():
    """Bytes whose even columns are 4 counts above the odd ones, with a gap."""
    stored = np.full((LINES, WIDTH), 100, np.uint8)
    stored[:, 1::2] += 2
    stored[10, 20] = 255
    return stored


@pytest.fixture
def image(tmp_path, pixels):
    label = dict(
        RECORD_TYPE="FIXED_LENGTH", RECORD_BYTES=WIDTH, PRODUCT_TYPE="EDR", PRODUCT_ID="P1", TARGET_NAME="MOON",
        INSTRUMENT_ID='"PROBE-CAM"', DETECTOR_ID='"visible"', SPACECRAFT_CLOCK_START_COUNT=f'"1/{COUNT}:00000"',
        LINE_EXPOSURE_DURATION=f"{1000 * LINE_S} <MS>",
        IMAGE=dict(LINES=LINES, LINE_SAMPLES=WIDTH, SAMPLE_BITS=8, SAMPLE_TYPE="UNSIGNED_INTEGER"),
    )  # fmt: skip
    return Archive(tmp_path).write("P1.IMG", label, pixels, WIDTH)


def test_before_it_is_listed_its_images_are_refused(image):
    with pytest.raises(OrbitileError, match=r"INSTRUMENT_ID is PROBE-CAM; raw images of CTX, .* can be read"):
        read_product(image)


def test_the_others_are_still_read(listed, tmp_path):
    assert read_product(Archive(tmp_path).ctx(np.zeros((2, 5056), np.uint8))).instrument == "CTX"


def test_a_label_must_have_all_its_values(listed, image):
    image.write_bytes(image.read_bytes().replace(b"visible", b"thermal"))
    with pytest.raises(OrbitileError, match=r"raw images of .*MDIS_NAC, PROBE_CAM can be read"):
        read_product(image)


def test_its_raw_product_is_read(listed, image, pixels):
    product = read_product(image)
    assert (product.instrument, product.body, product.width, product.height) == ("PROBE_CAM", "Moon", 100, LINES)
    counts, valid = RawPixels(product).read(Window(0, 0, product.width, product.height))
    assert np.array_equal(counts, 2.0 * pixels[:, 1:-1])
    assert np.argwhere(~valid).tolist() == [[10, 19]]


def test_its_corrections_are_measured(listed, image):
    raw = RawPixels(read_product(image))
    assert measure_corrections(raw) == (OddEven(2.0),)
    corrected = CorrectedPixels(raw, measure_corrections(raw))
    stored, valid = corrected.read(Window(0, 0, raw.width, raw.height))
    assert set((stored[valid] * corrected.steps.scale + corrected.steps.offset).tolist()) == {202.0}


def test_its_camera_is_built(listed, image, kernels):
    """Pixels of 2 m across the flight and some 15 m along it, beginning below the spacecraft at its start."""
    geometry = camera_geometry(read_product(image), kernels)
    col, row = np.array([50.0, 51.0, 50.0]), np.array([0.0, 0.0, 1.0])
    middle, beside, ahead = to_ground(geometry.camera, geometry.ellipsoid, col, row)
    assert (geometry.camera.width, geometry.camera.height, geometry.error_m) == (100, LINES, 50)
    assert np.linalg.norm(middle) == pytest.approx(RADIUS_KM * 1000)
    assert np.linalg.norm(beside - middle) == pytest.approx(HEIGHT_KM * 1000 * PIXEL_MM / FOCAL_MM, rel=1e-4)
    along_m = SPEED_KM_S * 1000 * LINE_S * RADIUS_KM / (RADIUS_KM + HEIGHT_KM)
    assert np.linalg.norm(ahead - middle) == pytest.approx(along_m, rel=0.01)
    back = geometry.camera.to_image(np.stack([middle, beside, ahead]))
    np.testing.assert_allclose(back, (col, row), atol=1e-6)


def test_its_images_are_georeferenced_as_those_of_others(listed, image, kernels):
    request = GeorefRequest(str(image), SPICE, str(kernels))
    geometry = image_geometry(request, read_image_header(str(image)), find_body("Moon"))
    assert geometry.camera.width == 100
    assert np.isfinite(geometry.border).all()


def test_its_isis_programs_are_known(listed, image, tmp_path, monkeypatch):
    assert instrument_names()[-1] == "PROBE_CAM"
    assert find_instrument("PROBE_CAM").isis.names == ("probe2isis", "spiceinit", "probecal", "cam2map")
    assert not isis_available("PROBE_CAM")
    FakeIsis.install(tmp_path / "isis", PROBE_CAM.isis.names).activate(monkeypatch)
    assert isis_available("PROBE_CAM")
    request, header = GeorefRequest(str(image)), read_image_header(str(image))
    assert choose_method(request, header, find_body("Moon"), with_isis=True) == ISIS
