"""Kernels, labels and images that do not belong together: one line that names the file, before any job."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from camera_files import CTX, HIRISE, LRO_NAC
from raw_archive import HIRISE as HIRISE_EDR
from raw_archive import Archive

from orbitile.planning.headers import read_headers
from orbitile.settings import Settings

KINDS = (".bc", ".bsp", ".tsc", ".tls", ".tpc", ".tf", ".ti")


def kernels_in(folder):
    return [path for path in folder.iterdir() if path.suffix in KINDS]


@pytest.fixture
def kernels(tmp_path):
    """Puts links to kernels into a folder."""

    def put(files, others=()):
        folder = tmp_path / "kernels"
        folder.mkdir()
        for path in files:
            (folder / path.name).symlink_to(path)
        for name, content in dict(others).items():
            (folder / name).write_bytes(content)
        return folder

    return put


@pytest.fixture
def reason(tmp_path):
    """Why a scene cannot be planned, given how the scene table names it."""

    def tell(path=HIRISE_EDR, body="Mars", **known):
        change = {name: known.pop(name) for name in ("pixel_coordinates", "georeferencing") if name in known}
        columns, values = ["scene", "path", *known], ["a", path, *known.values()]
        (tmp_path / "scenes.csv").write_text(f"{','.join(columns)}\n{','.join(map(str, values))}\n")
        scale = dict(gsd_m=100, tile_px=32, overlap_px=16)
        model = dict(weights="any.safetensors", sha256="0" * 64)
        fixed = dict(run="r", body=body, scenes=tmp_path / "scenes.csv", scales=[scale], model=model)
        rows, (lost,) = read_headers(Settings(**fixed | change), {})
        assert rows == []
        assert "\n" not in lost.reason
        return lost.reason

    return tell


def assert_holds(reason, *words):
    """The words in this order, and the image."""
    place = 0
    for word in words:
        assert word in reason[place:], reason
        place += reason[place:].index(word) + len(word)


def test_kernels_of_another_time(reason):
    needed = "positions of MRO (-74) are needed from 2006-11-17T03:27:53", " to 2006-11-17T03:27:54", " UTC"
    there = "2009-06-01T00:26:38", "2009-06-01T00:39:04"
    assert_holds(reason(kernels=CTX), f"{HIRISE_EDR}: {CTX}: ", *needed, *there, "add the .bsp of that time")


@pytest.mark.parametrize(("suffix", "what"), [(".bsp", "positions of MRO (-74)"), (".bc", "(-74000)")])
def test_a_missing_kernel(reason, kernels, suffix, what):
    folder = kernels(path for path in kernels_in(HIRISE) if path.suffix != suffix)
    words = what, "are needed from 2006-11-17T03:27:53", " UTC, and ", f"add the {suffix} of that time"
    assert_holds(reason(kernels=folder), f"{HIRISE_EDR}: {folder}: ", *words)


def test_kernels_of_another_mission(reason, kernels):
    """The instrument kernels of LRO, and what all missions share."""
    shared = [path for path in kernels_in(HIRISE) if path.suffix in (".tls", ".tpc")]
    folder = kernels([*shared, *kernels_in(LRO_NAC)])
    assert_holds(reason(kernels=folder), f"{HIRISE_EDR}: ", str(folder))


@pytest.mark.parametrize("suffix", [".bsp", ".bc"])
def test_broken_kernels(reason, kernels, suffix):
    whole = {path.suffix: path for path in kernels_in(HIRISE)}
    rest = [path for path in kernels_in(HIRISE) if path.suffix != suffix]
    folder = kernels(rest, {f"broken{suffix}": whole[suffix].read_bytes()[:2500]})
    assert_holds(reason(kernels=folder), f"{HIRISE_EDR}: ", str(folder))


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("gone", ("gone does not exist", "give a meta-kernel, or a folder of kernels")),
        ("gone.json", ("gone.json: not a readable camera model",)),
        ("empty.json", ("empty.json: not a camera model as USGS tools write it",)),
        ("nothing", ("nothing: the folder holds no kernels (.tls",)),
        ("gone.tm", ("gone.tm does not exist",)),
        ("lost.tm", ("lost.tm", "gone.bsp")),
    ],
)
def test_what_are_no_kernels(reason, tmp_path, named, words):
    (tmp_path / "nothing").mkdir()
    (tmp_path / "empty.json").write_text("{}")
    (tmp_path / "lost.tm").write_text("KPL/MK\n\\begindata\nKERNELS_TO_LOAD = ( 'gone.bsp' )\n\\begintext\n")
    assert_holds(reason(kernels=named), f"{HIRISE_EDR}: ", *words)


def test_an_unknown_instrument(reason, tmp_path):
    path = Archive(tmp_path).ctx(np.ones((4, 5056), np.uint8), INSTRUMENT_ID="MARCI")
    words = "raw images of CTX, HIRISE", "can be read: give a calibrated or map-projected product"
    assert_holds(reason(path, kernels=CTX), f"{path}: its INSTRUMENT_ID is MARCI", *words)


def test_a_truncated_image(reason, tmp_path):
    path = tmp_path / "half.IMG"
    path.write_bytes(HIRISE_EDR.read_bytes()[:700_000])
    words = (
        f"{path}: truncated: its label describes 5000 lines up to byte ",
        "the file has 700000 bytes; fetch it again",
    )
    assert_holds(reason(path, kernels=HIRISE), *words)


def test_an_image_without_the_end_of_its_label(reason, tmp_path):
    path = tmp_path / "head.IMG"
    path.write_bytes(HIRISE_EDR.read_bytes()[:9000])
    assert_holds(reason(path, kernels=HIRISE), f"{path}: its label has no END", "fetch the file again")


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (HIRISE_EDR, ("x.lbl: is the label of B10_013341_1010_XN_79S172W, but the image ", "x.IMG is PSP_001446_1790")),
        (None, ("x.lbl: is the label of B10_013341_1010_XN_79S172W, but the image ", "x.IMG has another name")),
    ],
)
def test_the_label_of_another_product(reason, tmp_path, image, words):
    """The real label of a CTX image beside the HiRISE image, which has its own, and beside pixels without any."""
    label = tmp_path / "x.lbl"
    label.write_bytes((CTX / "B10_013341_1010_XN_79S172W_pds3.lbl").read_bytes())
    with open(tmp_path / "x.IMG", "wb") as sink:
        sink.write(image.read_bytes() if image else b"made up")
        sink.truncate(3_000_000)
    assert_holds(reason(label, kernels=CTX), *words, "give the label of this image")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (dict(crs="IAU_2015:30110"), ("dem.tif: the elevation model lies on ", "Moon", "but the run's body is Mars")),
        ({}, ("dem.tif: the elevation model has no georeferencing",)),
        (
            dict(crs="IAU_2015:49910"),
            ("dem.tif: the elevation model does not cover longitude -156.7",),
        ),
    ],
)
def test_elevation_models_of_elsewhere(reason, tmp_path, place, words):
    path = tmp_path / "dem.tif"
    profile = dict(driver="GTiff", width=9, height=9, count=1, dtype="float32", transform=Affine(100, 0, 0, 0, -100, 0))
    with rasterio.open(path, "w", **profile, **place) as sink:
        sink.write(np.zeros((9, 9), np.float32), 1)
    told = reason(kernels=HIRISE, georeferencing=dict(elevation=path))
    assert_holds(told, f"{HIRISE_EDR}: ", *words)


def test_gdal_s_shear_is_refused_in_pixels_too(reason):
    told = reason(pixel_coordinates=True)
    assert_holds(told, str(HIRISE_EDR), "18 bytes before and 16 after the pixels", "sheared")


def test_a_calibrated_image_that_gdal_would_shear_is_refused(reason, tmp_path):
    path = Archive(tmp_path).hirise(np.ones((50, 1024), np.uint8))
    path.write_bytes(path.read_bytes().replace(b"-2-EDR-", b"-3-RDR-"))
    told = reason(path, corners='"137 -4; 137.1 -4; 137.1 -4.1; 137 -4.1"')
    assert_holds(told, Path(path).name, "18 bytes before and 16 after the pixels", "sheared")


def test_a_scene_that_shows_another_body(reason, tmp_path):
    path = Archive(tmp_path).ctx(np.ones((4, 5056), np.uint8), TARGET_NAME="PHOBOS")
    assert_holds(
        reason(path, kernels=CTX), f"{path}: its label names Phobos as TARGET_NAME, but the run's body is Mars"
    )


def test_a_calibration_image_of_no_body(reason, tmp_path):
    path = Archive(tmp_path).ctx(np.ones((4, 5056), np.uint8), TARGET_NAME="CALIBRATION")
    assert_holds(reason(path, kernels=CTX), f"{path}: ", "'CALIBRATION' is not a body")
