"""Camera models (ISD) of images: whose they are, and which of their columns. Images are made up, the models real."""

import json

import numpy as np
import pytest
from camera_files import LRO_NAC, USGSCSM
from raw_archive import Archive

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.cameras.isd import read_camera
from orbitile.georeferencing.image_geometry import image_geometry
from orbitile.georeferencing.image_header import read_image_header
from orbitile.georeferencing.request import GeorefRequest
from orbitile.space.bodies import find_body

MOON = find_body("Moon")
ISD = LRO_NAC / "lrolroc_isd.json"
LINES, WHOLE, LEFT, RIGHT = 400, 5064, 42, 23


@pytest.fixture
def model(tmp_path):
    """Writes the model of a real NAC image as one of an image of another width."""

    def write(width):
        (tmp_path / "model.json").write_text(json.dumps(json.loads(ISD.read_text()) | dict(image_samples=width)))
        return str(tmp_path / "model.json")

    return write


@pytest.fixture
def nac(tmp_path):
    return lambda **keywords: str(Archive(tmp_path).nac(np.ones((LINES, WHOLE), np.uint8), **keywords))


def geometry(path, model=ISD):
    """The geometry of a NAC image by a camera model."""
    return image_geometry(GeorefRequest(path, "spice", str(model)), read_image_header(path), MOON)


def assert_same_rays(found, expected, at):
    """Of the columns 0, 1000.25 and the last edge of one camera, and of `at` of another."""
    rows = np.array([0, 200.5, LINES])
    cols = np.array([0, 1000.25, found.width])
    for one, other in zip(found.rays(cols, rows), expected.rays(np.array(at), rows), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize(
    ("keywords", "first"),
    [
        ({}, LEFT),
        (dict(FRAME_ID="RIGHT"), 24),
    ],
)
def test_a_model_of_whole_lines_is_cut_to_what_sees_ground(nac, keywords, first):
    path = nac(**keywords)
    camera = geometry(path).camera
    assert (camera.width, camera.height) == (WHOLE - (LEFT + RIGHT if first == LEFT else 64), LINES)
    assert_same_rays(camera, read_camera(ISD), [first, first + 1000.25, first + camera.width])


def test_a_model_of_whole_lines_that_isis_turned_round(nac):
    """Of the right camera before version 1.3: its last column that sees ground is ISIS' 24 from the left."""
    camera = geometry(nac(FRAME_ID="RIGHT", PRODUCT_VERSION_ID='"v1.2"')).camera
    assert_same_rays(camera, read_camera(ISD), [24 + camera.width, 24 + camera.width - 1000.25, 24])


def test_a_model_of_the_columns_that_see_ground_is_taken_as_it_is(nac, model):
    width = WHOLE - LEFT - RIGHT
    camera = geometry(nac(), model(width)).camera
    assert_same_rays(camera, read_camera(ISD), [0, 1000.25, width])


@pytest.mark.parametrize("keywords", [{}, dict(FRAME_ID="RIGHT"), dict(FRAME_ID="RIGHT", PRODUCT_VERSION_ID="1.2")])
def test_there_and_back(nac, keywords):
    found = geometry(nac(**keywords))
    cols, rows = np.array([0.5, 777.7, 4990]), np.array([1, 200.25, 399])
    back = found.camera.to_image(found.surface.hit(*found.camera.rays(cols, rows)))
    np.testing.assert_allclose(back, [cols, rows], atol=1e-6)


@pytest.mark.parametrize("width", [5000, 5065, 2532])
def test_a_model_of_another_image_is_refused(nac, model, width):
    with pytest.raises(
        OrbitileError, match=rf"LE\.IMG: has 4999 columns and 400 lines, but .*with {width} and 400; give"
    ):
        geometry(nac(), model(width))


def test_a_model_of_another_body_is_refused(nac):
    path = nac()
    with pytest.raises(OrbitileError, match=r"Scan\.json: the radii .* are 1000\.0 km .* 1737\.4 km; give"):
        geometry(path, USGSCSM / "orbitalLineScan.json")
