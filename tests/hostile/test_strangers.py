"""Images of strangers: what they name elsewhere is neither read nor asked for, and nothing hangs."""

import os
import random
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from hostile.strangers import HARMLESS, MAKERS, PORT, Place, band, check, read_image, source, vrt, write_tiff

from orbitile.base.errors import OrbitileError

ROOT = Path(__file__).parents[2]
SEEDS = 120
LIMIT_S = 20
OUTSIDE = ("/etc/passwd", "/etc/hostname", "/dev/", "/proc/self/env")


@pytest.fixture
def place(tmp_path):
    return Place.make(tmp_path / "run")


@contextmanager
def in_time():
    """What takes longer is killed, and pytest with it: GDAL heeds no other signal while it waits."""
    signal.alarm(LIMIT_S)
    yield
    signal.alarm(0)


def refused(path, match):
    with in_time(), pytest.raises(OrbitileError, match=match) as error:
        read_image(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("relative", ["0", "1"])
def test_vrt_raw(place, relative):
    path = place.images / "a.vrt"
    text = f'<SourceFilename relativetoVRT="{relative}">/etc/passwd</SourceFilename><LineOffset>16</LineOffset>'
    path.write_text(vrt(band(text, attributes=' subClass="VRTRawRasterBand"')))
    refused(path, r"a\.vrt: refers to /etc/passwd, outside of its folder; .*access: \{folders:")
    label = place.images / "pds.lbl"
    label.write_text('PDS_VERSION_ID = PDS3\n^IMAGE = "../secret/secret.bin"\nEND\n')
    refused(label, r"pds\.lbl: refers to .*secret\.bin, outside")


NETWORK = {
    "a.vrt": vrt(band(source(f"/vsicurl/http://127.0.0.1:{PORT}/a.tif"))),
    "wcs.xml": f"<WCS_GDAL><ServiceURL>http://127.0.0.1:{PORT}/wcs?</ServiceURL><CoverageName>a</CoverageName></WCS_GDAL>",
    "gti.gti": "<GDALTileIndexDataset><IndexDataset>/vsicurl/http://127.0.0.1/i.gpkg</IndexDataset></GDALTileIndexDataset>",
    "stacit.json": '{"type":"FeatureCollection","stac_version":"1.0.0","features":[]}',
}


@pytest.mark.parametrize("name", NETWORK)
def test_vrt_network(place, name):
    (place.images / name).write_text(NETWORK[name])
    refused(place.images / name, rf"{name}: .*(download it first|cannot be read as an image|download them first)")


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1/a.tif", "/vsicurl/http://127.0.0.1/a.tif", "/vsizip/a.zip/a.tif"]
)
def test_addresses_are_refused_with_the_way_out(address):
    refused(address, "download or unpack it first")


def test_vrt_fifo(place):
    path = place.images / "a.vrt"
    path.write_text(vrt(band(source(str(place.images / "pipe.tif")))))
    refused(path, r"pipe\.tif: is a pipe")
    refused(place.images / "pipe.tif", r"pipe\.tif: is a pipe")


@pytest.mark.parametrize("maker", [maker for maker in MAKERS if maker.__name__ in HARMLESS], ids=lambda m: m.__name__)
def test_images_of_friends_are_read(tmp_path, maker):
    for seed in range(3):
        place = Place.make(tmp_path / str(seed))
        files, _ = read_image(str(maker(random.Random(seed), place)))
        assert files


def test_an_honest_virtual_raster_gives_its_pixels(place):
    write_tiff(place.images / "b.tif", 5)
    path = place.images / "a.vrt"
    path.write_text(vrt(band(source("b.tif", relative=' relativeToVRT="1"'))))
    assert (read_image(str(path))[1] == 5).all()


def run_seeds(folder, first, count):
    """In a process that is watched: no socket of the network, no file outside."""
    opened = []

    def note(event, arguments):
        is_outside = event == "open" and str(arguments[0]).startswith(OUTSIDE)
        if is_outside or (event.startswith("socket.") and event != "socket.gethostname"):
            opened.append((event, arguments))

    sys.addaudithook(note)
    for seed in range(first, first + count):
        signal.alarm(LIMIT_S)
        case = Path(folder) / str(seed)
        print(seed, check(random.Random(f"strangers:{seed}"), case), flush=True)
        shutil.rmtree(case)
    assert not opened, opened


def test_strangers_read_nothing_outside_and_reach_no_network(tmp_path):
    log = tmp_path / "calls"
    (tmp_path / "cases").mkdir()
    paths = [str(ROOT / "workflow" / "lib"), str(ROOT / "tests"), str(ROOT / "tests" / "hostile")]
    code = (
        f"import sys; sys.path[:0] = {paths}; import test_strangers as t; t.run_seeds('{tmp_path}/cases', 0, {SEEDS})"
    )
    watch = ["strace", "-f", "-qq", "-e", "trace=open,openat,connect", "-o", str(log)]
    words = [*(watch if shutil.which("strace") else []), sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0, f"{done.stdout[-300:]}{done.stderr[-3000:]}"
    assert done.stdout.count("\n") == SEEDS
    calls = log.read_text().splitlines() if log.exists() else []
    outside = (
        "/etc/passwd",
        "/etc/hostname",
        "/dev/zero",
        "/dev/stdin",
        "/proc/self/environ",
        "secret.bin",
        "pipe.tif",
    )
    reads = [line for line in calls if any(f'{name}"' in line for name in outside) and "O_WRONLY" not in line]
    assert not [line for line in calls if "connect(" in line and "AF_INET" in line]
    assert not reads, reads[:5]
