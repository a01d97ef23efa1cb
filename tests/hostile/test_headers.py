"""Headers that claim places that cannot be: refused by name, and no other scene with them (see headers.py)."""

from random import Random

import pytest
from affine import Affine
from hostile.headers import (
    LOST,
    MAP,
    MAPS,
    NO_MAPS,
    PLACES,
    SIDE,
    USUAL,
    OddHeader,
    check,
    check_header,
    plan_beside_good_scene,
    write_geotiff,
    write_image,
)


def reason(path, folder):
    """Why an image cannot be planned, beside a good one that can."""
    rows, unplanned = plan_beside_good_scene(path, folder)
    assert list(rows) == ["good"]
    assert (rows["good"].width, rows["good"].gsd_m, rows["good"].warnings) == (SIDE, 474, [])
    return unplanned["odd"].reason


def test_local_crs(tmp_path):
    told = reason(write_geotiff(tmp_path / "odd.tif", NO_MAPS["local"]), tmp_path)
    assert told.startswith(f"{tmp_path}/odd.tif: scene odd has a coordinate reference system (Engineering CRS ")
    assert "assign one of Moon, e.g. IAU_2015:30110" in told


def test_unicode_crs(tmp_path):
    path = write_geotiff(tmp_path / "odd.tif")
    content = path.read_bytes()
    assert content.count(b"clon = 0") >= 1
    path.write_bytes(content.replace(b"clon = 0", b"cl\xf9n = 0"))
    assert "not UTF-8" in (told := reason(path, tmp_path)) or "utf-8" in told
    assert str(path) in told


def test_zero_geotransform(tmp_path):
    path = write_image(tmp_path / "odd.vrt", MAP, Affine(0, 0, USUAL.c, 0, 0, USUAL.f))
    assert "scene odd has pixels of no size: its geotransform is 0, 0, -60672, 0, 0, 60672" in reason(path, tmp_path)


def test_tiny_geotransform(tmp_path):
    path = write_image(tmp_path / "odd.vrt", MAP, Affine(1e-300, 0, USUAL.c, 0, -1e-300, USUAL.f))
    assert "scene odd has pixels of 1e-300 m, 4.74e+302 times finer" in reason(path, tmp_path)


def test_off_body(tmp_path):
    path = write_geotiff(tmp_path / "odd.tif", transform=Affine(474, 0, 0, 0, -474, 1e8))
    told = reason(path, tmp_path)
    assert "scene odd reaches to 3297.79 degrees of latitude, beyond the pole of Moon" in told


@pytest.mark.parametrize("name", LOST)
def test_images_that_lie_nowhere(name, tmp_path):
    header = OddHeader(name, write_image(tmp_path / "odd.vrt", MAP, LOST[name]), False)
    assert check_header(header, tmp_path) == "refused"


@pytest.mark.parametrize("name", NO_MAPS)
def test_what_is_no_map_of_the_body(name, tmp_path):
    header = OddHeader(name, write_image(tmp_path / "odd.vrt", NO_MAPS[name], USUAL), False)
    assert check_header(header, tmp_path) == "refused"


@pytest.mark.parametrize("name", PLACES)
def test_unusual_places_on_the_body(name, tmp_path):
    header = OddHeader(name, write_image(tmp_path / "odd.vrt", *PLACES[name]), True)
    assert check_header(header, tmp_path) == "accepted"


@pytest.mark.parametrize("name", MAPS)
def test_unusual_maps_of_the_body(name, tmp_path):
    transform = [number * (0.001 if name == "kilometres" else 1) for number in USUAL[:6]]
    header = OddHeader(name, write_image(tmp_path / "odd.vrt", MAPS[name], transform), True)
    assert check_header(header, tmp_path) == "accepted"
    (row,) = (row for row in plan_beside_good_scene(header.path, tmp_path)[0].values() if row.scene == "odd")
    assert row.gsd_m == pytest.approx(474)
    assert row.outline_lat[0] == pytest.approx(2.0009, abs=1e-3)


@pytest.mark.parametrize("size", [(10**9, 10**9), (10**7, 1), (5_000_000, 4_000_000)])
def test_sizes_that_nothing_holds(size, tmp_path):
    told = reason(write_image(tmp_path / "odd.vrt", MAP, Affine(1, 0, 0, 0, -1, 0), size), tmp_path)
    assert f"scene odd has {size[0]} x {size[1]} pixels; a scene may have 5000000 a side" in told


def test_at_random(tmp_path):
    for seed in range(60):
        folder = tmp_path / str(seed)
        folder.mkdir()
        check(Random(f"headers:{seed}"), folder)
