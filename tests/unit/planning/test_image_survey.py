import numpy as np
import pytest
import rasterio
from affine import Affine
from made_zoo import made_zoo
from rasterio.control import GroundControlPoint

from orbitile.base.errors import OrbitileError
from orbitile.planning.image_survey import (
    ImageSurvey,
    SurveyedImage,
    fit_network,
    fitting_network,
    rounded_up,
    survey_images,
)
from orbitile.tables.scenes import SceneEntry


def entry(scene, path):
    return SceneEntry(scene, str(path), *[None] * 10)


def image(**change):
    return SurveyedImage(**dict(path="a.tif", width=10, height=20, dtypes=("uint8",), gsd_m=5.0, is_placed=False,
                                is_in_degrees=False, body="Mars") | change)  # fmt: skip


@pytest.mark.parametrize(
    "gsd_m, expected",
    [(473.802, 473.9), (474.0, 474.0), (6.0, 6.0), (5.00001, 5.001), (0.25, 0.25), (118.45, 118.5), (99999.0, 100000.0),
     (0.1 + 0.2, 0.3)],
)  # fmt: skip
def test_scales_are_rounded_up(gsd_m, expected):
    assert rounded_up(gsd_m) == expected


@pytest.mark.parametrize("gsd_m", np.geomspace(0.01, 1e5, 50))
def test_rounded_scales_are_hardly_coarser(gsd_m):
    assert gsd_m * (1 - 1e-9) <= rounded_up(gsd_m) <= gsd_m * 1.0011


def test_headers_of_16_bit_images(geotiff):
    pixels = np.arange(600, dtype=np.uint16).reshape(20, 30)
    survey = survey_images([entry(name, geotiff(pixels, f"{name}.tif", gsd=gsd)) for name, gsd in
                            (("a", 100.0), ("b", 90.0))])  # fmt: skip
    assert survey.gsd_range_m == (90.0, 100.0)
    assert survey.dtypes == {"uint16": 2}
    assert survey.pixels == 1200
    assert survey.body_name() == "Moon"
    assert not survey.unmapped and not survey.has_degrees


@pytest.mark.parametrize("sides", [(100, 120), (120, 100)])
def test_pixels_are_as_coarse_as_their_longer_side(geotiff, sides):
    path = geotiff(np.zeros((5, 5), np.uint8))
    with rasterio.open(path, "r+") as sink:
        sink.transform = Affine(sides[0], 0, 0, 0, -sides[1], 0)
    assert survey_images([entry("a", path)]).gsd_range_m == (120, 120)


def test_ground_control_points_place_an_image(tmp_path):
    points = [GroundControlPoint(row, col, 10 + col / 100, 5 - row / 100) for row in (0, 20) for col in (0, 30)]
    profile = dict(driver="GTiff", width=30, height=20, count=1, dtype="uint8", gcps=points, crs="IAU_2015:30100")
    with rasterio.open(tmp_path / "a.tif", "w", **profile) as sink:
        sink.write(np.ones((1, 20, 30), np.uint8))
    survey = survey_images([entry("a", tmp_path / "a.tif")])
    assert survey.body_name() == "Moon" and survey.unmapped and not survey.is_plain


def test_an_image_without_a_map(geotiff):
    survey = survey_images([entry("a", geotiff(np.zeros((5, 5), np.uint8), crs=None))])
    assert survey.gsd_range_m is None and len(survey.unmapped) == 1
    with pytest.raises(OrbitileError, match=r"^--body: no image says which body it shows; name the run's body"):
        survey.body_name()


def test_a_missing_image(tmp_path):
    with pytest.raises(OrbitileError, match=r"^scenes: scene a: there is no file .*no.tif$"):
        survey_images([entry("a", tmp_path / "no.tif")])


def test_images_of_two_bodies():
    with pytest.raises(OrbitileError, match=r"^--body: the images lie on Mars, Moon; name"):
        ImageSurvey([image(), image(body="Moon")]).body_name()


@pytest.fixture
def zoo(tmp_path):
    fine = made_zoo(tmp_path / "fine", ("fine",), gsd_m=1.0, gsd_range_m=[0.5, 2.0])
    coarse = made_zoo(tmp_path / "coarse", ("coarse",), gsd_m=474, gsd_range_m=[237, 948])
    mars = made_zoo(tmp_path / "mars", ("mars",), body="Mars", gsd_m=6.0, gsd_range_m=[4, 8])
    return [*mars, *fine, *coarse]


@pytest.mark.parametrize(
    "body, gsd_m, name, finest_m",
    [
        ("Moon", 1.0, "fine", 1.0),
        ("Moon", 2.0, "fine", 2.0),
        ("Moon", 0.25, "fine", 1.0),  # averaged to what the network learnt
        ("Moon", 2.1, "coarse", 474.0),
        ("Moon", 473.802, "coarse", 473.9),
        ("Moon", 948.0, "coarse", 948.0),
        ("Mars", 5.0, "mars", 5.0),
    ],
)
def test_the_network_for_images(zoo, body, gsd_m, name, finest_m):
    fit = fitting_network(zoo, body, gsd_m)
    assert (fit.network.name, fit.finest_m) == (name, finest_m)


@pytest.mark.parametrize("body, gsd_m", [("Moon", 950.0), ("Mars", 9.0), ("Europa", 1.0)])
def test_no_network_for_images(zoo, body, gsd_m):
    with pytest.raises(OrbitileError, match=f"^model: no network in models/ is for images of {body} with.*--model"):
        fitting_network(zoo, body, gsd_m)


def test_a_network_that_was_asked_for_takes_coarser_images(zoo):
    assert fit_network(zoo[0], 20.0).finest_m == 20.0
