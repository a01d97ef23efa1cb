"""Whatever goes wrong in one header is the fault of its scene alone."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from orbitile.planning import headers, scene_rows
from orbitile.planning.headers import read_headers
from orbitile.tables.plan import PlanOrigin, read_rows, write_plan

GREY = np.ones((40, 60), np.uint8)
CORNERS = '"0 1; 1 1; 1 0; 0 0"'
PLACE = headers._place


def raises(scene, *arguments):
    """Reads a header, but of a scene called bad not."""
    if scene == "bad":
        raise RuntimeError("made up")
    return PLACE(scene, *arguments)


def dies(scene, *arguments):
    if scene == "bad":
        os.kill(os.getpid(), signal.SIGKILL)
    return PLACE(scene, *arguments)


def dies_once(scene, *arguments):
    """Leaves a file beside the image, by which it knows that it has died before."""
    trace = Path(f"{arguments[0].path}.trace")
    if scene == "bad" and not trace.exists():
        trace.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return PLACE(scene, *arguments)


def hangs(scene, *arguments):
    if scene == "bad":
        time.sleep(60)
    return PLACE(scene, *arguments)


@pytest.fixture
def read(settings_of_rows):
    """The rows and the refusals of a plan of some rows of a scene table."""

    def read_rows(*rows, columns="scene,path", **change):
        return read_headers(settings_of_rows(*rows, columns=columns, gsd_m=1000, **dict(body="Moon") | change), {})

    return read_rows


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (raises, r"bad.tif: unforeseen RuntimeError: made up"),
        (hangs, r"bad.tif: it took longer than 3 s and was given up"),
    ],
)
def test_one_header_stops_no_other(read, geotiff, monkeypatch, fault, reason):
    monkeypatch.setattr(headers, "_place", fault)
    monkeypatch.setattr(headers, "HEADER_LIMIT_S", 3)
    fault.__module__, fault.__qualname__ = headers.__name__, "_place"  # how the forked processes look it up
    names = ["bad", *(f"good{number}" for number in range(8))]
    rows, (lost,) = read(*(f"{name},{geotiff(GREY, f'{name}.tif')}" for name in names))
    assert [row.scene for row in rows] == sorted(names[1:])
    assert lost.scene == "bad"
    assert reason in lost.reason


def test_a_scene_whose_process_is_killed_is_read_again(read, geotiff, monkeypatch):
    """It may have been for want of memory."""
    monkeypatch.setattr(headers, "_place", dies_once)
    dies_once.__module__, dies_once.__qualname__ = headers.__name__, "_place"
    rows, lost = read(f"bad,{geotiff(GREY, 'bad.tif')}", f"good,{geotiff(GREY, 'good.tif')}")
    assert ([row.scene for row in rows], lost) == (["bad", "good"], [])


def test_names_that_no_system_can_look_up_are_recorded(read, geotiff):
    rows, (lost,) = read(f"long,{'x' * 5000}.tif", f"good,{geotiff(GREY)}")
    assert [row.scene for row in rows] == ["good"]
    assert lost.scene == "long"


def test_a_mosaic_that_cannot_be_merged_stops_no_scene(read, geotiff, monkeypatch):
    merge = scene_rows._mosaic_row
    monkeypatch.setattr(
        scene_rows, "_mosaic_row", lambda *arguments: 1 / 0 if arguments[0] == "m" else merge(*arguments)
    )
    rows, (lost,) = read(f"a,{geotiff(GREY, 'a.tif')},m", f"b,{geotiff(GREY, 'b.tif')},n", columns="scene,path,mosaic")
    assert [row.scene for row in rows] == ["n"]
    assert (lost.scene, "mosaic m: unforeseen ZeroDivisionError" in lost.reason) == ("m", True)


def test_a_mosaic_of_strips_far_apart_is_refused(read, geotiff):
    strips = [geotiff(GREY, f"{n}.tif", left=n * 5e6, gsd=0.5) for n in (0, 1)]
    rows, (lost,) = read(*(f"{n},{path},m" for n, path in enumerate(strips)), columns="scene,path,mosaic",
                         scales=[dict(gsd_m=0.5, tile_px=32, overlap_px=16)])  # fmt: skip
    assert rows == []
    assert "mosaic m: has 10000060 x 40 pixels; a scene may have 5000000 a side" in lost.reason


def test_warnings_are_kept_in_the_plan_and_logged(read, geotiff, tmp_path, caplog):
    rows, _ = read(
        f"a,{geotiff(GREY, 'a.tif', crs=None)},{CORNERS},", f"b,{geotiff(GREY, 'b.tif')},,",
        f"c,{geotiff(GREY, 'c.tif', crs=None)},{CORNERS},m", columns="scene,path,corners,mosaic",
    )  # fmt: skip
    write_plan(rows, [], [], PlanOrigin("", "", ""), tmp_path / "plan.parquet")
    kept = {row.scene: row.warnings for row in read_rows(tmp_path / "plan.parquet") if row.warnings}
    assert list(kept) == ["a", "m"]
    assert kept["a"][0].startswith("placed by its corners or control points alone: positions may be ")
    assert kept["m"] == [f"strip c: {kept['a'][0]}"]
    assert [record.getMessage() for record in caplog.records] == [
        f"scene a: {kept['a'][0]}",
        f"scene m: {kept['m'][0]}",
    ]


@pytest.mark.parametrize("orientation", [0, 1, 3, 6, 9])
def test_photographs_that_viewers_turn_are_noted(read, tmp_path, orientation):
    photograph = Image.fromarray(np.ones((40, 60), np.uint8))
    exif = photograph.getexif()
    exif[0x0112] = orientation
    photograph.save(tmp_path / "a.jpg", exif=exif)
    rows, _ = read(f"a,{tmp_path / 'a.jpg'}", pixel_coordinates=True)
    notes = [text for text in rows[0].warnings if "EXIF" in text]
    assert [f"(orientation {orientation})" in text for text in notes] == [True] * (orientation in (3, 6))
    assert (rows[0].width, rows[0].height) == (60, 40)
