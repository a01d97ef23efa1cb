"""Which way an image comes onto the map. Images are made up; programs that stand in for ISIS's are never run."""

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

from orbitile.errors import OrbitileError
from orbitile.isis.programs import installed
from orbitile.isis.sequences import PROGRAMS
from orbitile.space.bodies import body
from orbitile.tables.ways import CORNERS, ISIS, PROJECTED, SPICE
from orbitile.ways.choose import best_way
from orbitile.ways.request import Request

MARS = body("Mars")
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
    return FakeIsis.install(tmp_path_factory.mktemp("installed") / "isis", PROGRAMS["HIRISE"])


@pytest.fixture
def with_hirise_programs(installation, monkeypatch):
    """The programs that HiRISE images need on the PATH, no others."""
    monkeypatch.setenv("PATH", f"{installation.root / 'bin'}{os.pathsep}{os.environ['PATH']}")
    for name, value in installation.variables.items():
        monkeypatch.setenv(name, value)


FOLDER, MODEL = dict(kernels=str(HIRISE)), dict(kernels="camera.json")


@pytest.mark.parametrize(
    ("image", "known", "way"),
    [
        ("map", {}, PROJECTED),
        ("map", FOLDER, PROJECTED),
        ("map", MODEL | dict(corners=FOUR), PROJECTED),
        ("map", dict(way=CORNERS, corners=FOUR), CORNERS),
        ("plain", MODEL, SPICE),
        ("plain", MODEL | dict(corners=FOUR), SPICE),
        ("plain", FOLDER | dict(corners=FOUR), CORNERS),
        ("plain", dict(corners=FOUR), CORNERS),
        ("gcps", {}, CORNERS),
        ("gcps", MODEL, SPICE),
        ("edr", FOLDER, SPICE),
        ("edr", FOLDER | dict(corners=FOUR), SPICE),
        ("edr", FOLDER | dict(corners=FOUR, way=CORNERS), CORNERS),
        ("edr", MODEL, SPICE),
        ("edr", dict(corners=FOUR), CORNERS),
        ("edr", dict(way=ISIS), ISIS),
        ("labelled", {}, CORNERS),
        ("labelled", FOLDER, SPICE),
    ],
)
def test_the_best_way_without_isis(images, image, known, way):
    assert best_way(Request(images[image], **known), MARS, with_isis=True) == way


@pytest.mark.usefixtures("with_hirise_programs")
@pytest.mark.parametrize(
    ("image", "known", "with_isis", "way"),
    [
        ("edr", FOLDER, True, ISIS),
        ("edr", dict(corners=FOUR), True, ISIS),
        ("edr", {}, True, ISIS),
        ("edr", FOLDER, False, SPICE),
        ("edr", FOLDER | dict(way=SPICE), True, SPICE),
        ("edr", FOLDER | dict(way=ISIS), False, ISIS),
        ("labelled", FOLDER, True, SPICE),
        ("map", {}, True, PROJECTED),
        ("plain", MODEL, True, SPICE),
    ],
)
def test_the_best_way_with_the_programs_for_hirise(images, image, known, with_isis, way):
    assert best_way(Request(images[image], **known), MARS, with_isis) == way


@pytest.mark.usefixtures("with_hirise_programs")
def test_isis_is_installed_for_one_instrument_and_not_without_its_folders(monkeypatch):
    assert installed()
    monkeypatch.delenv("ISISDATA")
    assert not installed()


@pytest.mark.parametrize(
    ("image", "known", "message"),
    [
        ("plain", {}, "has no georeferencing; .*kernels and corners.*pixel_coordinates: true"),
        ("plain", FOLDER, "has no georeferencing; .*camera model or corners"),
        ("lunar", {}, "has no georeferencing"),
        ("edr", {}, "is a raw image of HIRISE; name its SPICE kernels .*georeferencing.kernels, or install ISIS, or"),
        ("map", dict(way=ISIS), "way is isis, but it is no raw product"),
        ("edr", dict(way=SPICE), "way is spice, but neither the scene nor georeferencing.kernels names any"),
        ("edr", dict(way=PROJECTED), "way is projected, but it is a raw image of HIRISE"),
    ],
)
def test_ways_that_cannot_be_gone(images, image, known, message):
    with pytest.raises(OrbitileError, match=rf"{Path(images[image]).name}: {message}"):
        best_way(Request(images[image], **known), MARS, with_isis=True)


def test_raw_images_of_other_instruments_are_refused(tmp_path):
    path = Archive(tmp_path).mdis(np.ones((4, 1024), np.uint8), INSTRUMENT_ID="MDIS-WAC")
    with pytest.raises(OrbitileError, match=r"EN0.*IMG: INSTRUMENT_ID MDIS-WAC is not an instrument .*known are CTX"):
        best_way(Request(str(path)), body("Mercury"), with_isis=True)


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
    assert Request("a.IMG", **known).inputs == files
