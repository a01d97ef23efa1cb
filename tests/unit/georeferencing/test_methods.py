"""How the georeferencing method of an image is chosen. Images are made up; stand-ins for ISIS's programs never run."""

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from camera_files import HIRISE
from fake_isis import FakeIsis
from rasterio.control import GroundControlPoint
from raw_archive import HIRISE as HIRISE_EDR
from raw_archive import Archive

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.image_header import read_image_header
from orbitile.georeferencing.instruments.hirise import HIRISE as HIRISE_INSTRUMENT
from orbitile.georeferencing.instruments.isis_support import is_installed
from orbitile.georeferencing.methods import choose_method
from orbitile.georeferencing.request import GeorefRequest
from orbitile.space.bodies import find_body
from orbitile.tables.georef_methods import CORNERS, ISIS, PROJECTED, SPICE

MARS = find_body("Mars")
FOUR = "137 -4; 137.1 -4; 137.1 -4.1; 137 -4.1"
NAMED_CORNERS = {
    f"{corner}_{axis}": value
    for corner, place in dict(UPPER_LEFT=(137, -4), UPPER_RIGHT=(137.1, -4), LOWER_RIGHT=(137.1, -4.1),
                              LOWER_LEFT=(137, -4.1)).items()
    for axis, value in zip(("LONGITUDE", "LATITUDE"), place, strict=True)
}  # fmt: skip


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """The path of a made-up image of each kind, by its name; `edr` is the real HiRISE image."""
    folder = tmp_path_factory.mktemp("images")
    grid = dict(crs="IAU_2015:49910", transform=Affine(100, 0, 8_100_000, 0, -100, -240_000))
    ends = zip([0, 6, 6, 0], [0, 0, 4, 4], [137, 137.1, 137.1, 137], [-4, -4, -4.1, -4.1], strict=True)
    points = [GroundControlPoint(row, col, lon, lat) for col, row, lon, lat in ends]
    kinds = dict(map=grid, plain={}, gcps=dict(gcps=points, crs="IAU_2015:49900"),
                 lunar=dict(gcps=points, crs="IAU_2015:30100"))  # fmt: skip
    for name, place in kinds.items():
        profile = dict(driver="GTiff", width=6, height=4, count=1, dtype="uint8")
        with rasterio.open(folder / f"{name}.tif", "w", **profile, **place) as sink:
            sink.write(np.ones((4, 6), np.uint8), 1)
    labelled = Archive(folder).ctx(np.ones((8, 5056), np.uint8), **NAMED_CORNERS)
    (folder / "camera.json").write_text("{}")
    return {name: str(folder / f"{name}.tif") for name in kinds} | dict(edr=str(HIRISE_EDR), labelled=str(labelled))


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    return FakeIsis.install(tmp_path_factory.mktemp("installed") / "isis", HIRISE_INSTRUMENT.isis.names)


@pytest.fixture
def with_hirise_programs(installation, monkeypatch):
    """The programs that HiRISE images need on the PATH, no others."""
    monkeypatch.setenv("PATH", f"{installation.root / 'bin'}{os.pathsep}{os.environ['PATH']}")
    for name, value in installation.variables.items():
        monkeypatch.setenv(name, value)


def choose(path, body=MARS, with_isis=True, **known):
    """The method that is chosen for an image."""
    return choose_method(GeorefRequest(path, **known), read_image_header(path), body, with_isis)


FOLDER, MODEL = dict(kernels=str(HIRISE)), dict(kernels="camera.json")


@pytest.mark.parametrize(
    ("image", "known", "way"),
    [
        ("map", {}, PROJECTED),
        ("map", FOLDER, PROJECTED),
        ("map", MODEL | dict(corners=FOUR), PROJECTED),
        ("map", dict(method=CORNERS, corners=FOUR), CORNERS),
        ("plain", MODEL, SPICE),
        ("plain", MODEL | dict(corners=FOUR), SPICE),
        ("plain", FOLDER | dict(corners=FOUR), CORNERS),
        ("plain", dict(corners=FOUR), CORNERS),
        ("gcps", {}, CORNERS),
        ("gcps", MODEL, SPICE),
        ("edr", FOLDER, SPICE),
        ("edr", FOLDER | dict(corners=FOUR), SPICE),
        ("edr", FOLDER | dict(corners=FOUR, method=CORNERS), CORNERS),
        ("edr", MODEL, SPICE),
        ("edr", dict(corners=FOUR), CORNERS),
        ("edr", dict(method=ISIS), ISIS),
        ("labelled", {}, CORNERS),
        ("labelled", FOLDER, SPICE),
    ],
)
def test_the_best_way_without_isis(images, image, known, way):
    assert choose(images[image], **known) == way


@pytest.mark.usefixtures("with_hirise_programs")
@pytest.mark.parametrize(
    ("image", "known", "with_isis", "way"),
    [
        ("edr", FOLDER, True, ISIS),
        ("edr", dict(corners=FOUR), True, ISIS),
        ("edr", {}, True, ISIS),
        ("edr", FOLDER, False, SPICE),
        ("edr", FOLDER | dict(method=SPICE), True, SPICE),
        ("edr", FOLDER | dict(method=ISIS), False, ISIS),
        ("labelled", FOLDER, True, SPICE),
        ("map", {}, True, PROJECTED),
        ("plain", MODEL, True, SPICE),
    ],
)
def test_the_best_way_with_the_programs_for_hirise(images, image, known, with_isis, way):
    assert choose(images[image], with_isis=with_isis, **known) == way


@pytest.mark.usefixtures("with_hirise_programs")
def test_isis_is_installed_for_one_instrument_and_not_without_its_folders(monkeypatch):
    assert is_installed()
    monkeypatch.delenv("ISISDATA")
    assert not is_installed()


@pytest.mark.parametrize(
    ("image", "known", "message"),
    [
        ("plain", {}, "has no georeferencing; .*kernels and corners.*pixel_coordinates: true"),
        ("plain", FOLDER, "has no georeferencing; .*camera model or corners"),
        (
            "lunar",
            {},
            "its ground control points lie on another body than Mars .*Moon.*gdal_translate -a_srs IAU_2015:49900",
        ),
        ("edr", {}, "is a raw image of HIRISE; name its SPICE kernels .*georeferencing.kernels, or install ISIS, or"),
        ("map", dict(method=ISIS), "georef_method is isis, but the image is not a raw product"),
        (
            "edr",
            dict(method=SPICE),
            "georef_method is spice, but neither the scene table nor georeferencing.kernels names kernels",
        ),
        ("edr", dict(method=PROJECTED), "georef_method is projected, but it is a raw image of HIRISE"),
    ],
)
def test_ways_that_cannot_be_gone(images, image, known, message):
    with pytest.raises(OrbitileError, match=rf"{Path(images[image]).name}: {message}"):
        choose(images[image], **known)


def test_raw_images_of_other_instruments_are_refused(tmp_path):
    path = Archive(tmp_path).mdis(np.ones((4, 1024), np.uint8), INSTRUMENT_ID="MDIS-WAC")
    with pytest.raises(OrbitileError, match=r"EN0.*IMG: its INSTRUMENT_ID is MDIS-WAC; raw images of CTX"):
        choose(str(path), find_body("Mercury"))


@pytest.mark.parametrize(
    ("known", "files"),
    [
        ({}, ["a.IMG"]),
        (dict(kernels="k"), ["a.IMG", "k"]),
        (
            dict(kernels="a.json", elevation="dem.tif", corners="points.csv"),
            ["a.IMG", "a.json", "dem.tif", "points.csv"],
        ),
        (dict(corners=FOUR), ["a.IMG"]),
        (dict(corners="137.0 -4.0; 137.1 -4.0; 137.1 -4.1; 137.0 -4.1"), ["a.IMG"]),
    ],
)
def test_files_that_an_image_depends_on(known, files):
    assert GeorefRequest("a.IMG", **known).inputs == files
