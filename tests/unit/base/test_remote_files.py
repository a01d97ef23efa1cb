"""Images on a server on this machine, which fails in all the ways that servers do."""

from pathlib import Path

import numpy as np
import pytest
from image_server import busy, changing, image_server, redirecting, stalling, truncating, without_parts

from orbitile.base import remote_files
from orbitile.base.errors import OrbitileError
from orbitile.base.remote_files import download, is_served_by, remote_version, remote_versions
from orbitile.base.versions import FileVersions
from orbitile.rasters.gdal import opened_on_server
from orbitile.rasters.read import opened_raster

CONTENT = np.random.default_rng(0).bytes(3_000)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A server of one file, asked in small parts by somebody impatient."""
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "a.tif").write_bytes(CONTENT)
    for name, value in dict(TIMEOUT_S=0.3, WAITS_S=(0.01, 0.01), DOWNLOAD_PART_BYTES=1000).items():
        monkeypatch.setattr(remote_files, name, value)
    with image_server(folder) as server:
        yield server


def fetched(place, tmp_path):
    url = f"{place.address}/a.tif"
    download(url, remote_version(url), tmp_path / "copy")
    return (tmp_path / "copy").read_bytes()


FAULTS = {
    "busy": lambda path: busy(2),
    "stalling": lambda path: stalling(0.6, 2),
    "truncating": lambda path: truncating(path, 2),
}


@pytest.mark.parametrize("fault", ["", *FAULTS])
def test_a_file_is_downloaded_whatever_happens_twice(place, tmp_path, fault):
    if fault:
        place.faults["a.tif"] = FAULTS[fault](place.folder / "a.tif")
    assert fetched(place, tmp_path) == CONTENT


REFUSED = {
    "busy": (lambda path: busy(99), r"does not answer as it should \(HTTP status 503\), 3 times"),
    "stalling": (lambda path: stalling(0.6, 99), r"\(timed out\), 3 times|Remote end closed"),
    "truncating": (lambda path: truncating(path, 99), "does not answer as it should"),
    "redirecting": (lambda path: redirecting("http://127.0.0.1:1/b.tif"), "status 302 to http://127.0.0.1:1/b.tif"),
    "whole": (lambda path: without_parts(path), "does not send parts"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_server_that_fails_for_good_is_named_in_a_line(place, tmp_path, fault):
    make, words = REFUSED[fault]
    place.faults["a.tif"] = make(place.folder / "a.tif")
    with pytest.raises(OrbitileError, match=words) as refusal:
        fetched(place, tmp_path)
    assert str(refusal.value).startswith(f"{place.address}/a.tif: ")


def test_a_missing_file_is_asked_for_once(place, tmp_path):
    (place.folder / "a.tif").unlink()
    with pytest.raises(OrbitileError, match="HTTP status 404"):
        fetched(place, tmp_path)
    assert place.requests["a.tif"] == 1


def test_a_file_that_changes_in_the_middle_is_noticed(place, tmp_path):
    path = place.folder / "a.tif"
    place.faults["a.tif"] = changing(lambda: path.write_bytes(CONTENT[::-1]), at=3)
    with pytest.raises(OrbitileError, match="changed since it was planned"):
        fetched(place, tmp_path)


def test_a_server_that_tells_no_versions_is_refused(place, tmp_path):
    place.etags = False
    with pytest.raises(OrbitileError, match="neither ETag nor Last-Modified"):
        fetched(place, tmp_path)


def test_versions_that_are_not_told_are_left_out(place):
    (place.folder / "b.tif").write_bytes(b"b")
    place.faults["a.tif"] = busy(99)
    urls = [f"{place.address}/{name}" for name in ("a.tif", "b.tif", "c.tif")]
    assert remote_versions(urls, 10) == {urls[1]: remote_version(urls[1])}
    assert place.requests["a.tif"] == 1
    assert remote_versions(urls, 0) == {}


@pytest.mark.parametrize(
    ("url", "lies"),
    [
        ("https://a.org/x/y.tif", True), ("https://a.org/y.tif", False), ("https://a.org/x/../y.tif", False),
        ("https://a.org/x/%2e%2E/y.tif", False), ("https://a.org/x/%2F../y", False), ("https://a.org/x/%2F..", False),
        ("https://a.org/x/..\\y.tif", False), ("https://a.org/x/a%2eb.tif", True), ("https://a.org/x/\\..\\y", False),
        ("https://a.org/xy.tif", False), ("https://a.org@b.org/x/y.tif", False), ("http://a.org/x/y.tif", False),
    ],
)  # fmt: skip
def test_addresses_lie_on_the_servers_named(url, lies):
    assert is_served_by(url, ["https://a.org/x"]) == lies


def test_only_the_header_of_an_image_is_asked_for(place, geotiff, monkeypatch):
    monkeypatch.setattr(remote_files, "HEADER_PART_BYTES", 4096)
    pixels = np.random.default_rng(0).integers(0, 255, (1500, 1500)).astype(np.uint8)
    Path(geotiff(pixels, tiled=True)).rename(place.folder / "a.tif")
    with opened_on_server(f"{place.address}/a.tif") as source:
        assert (source.width, source.crs is not None) == (1500, True)
    assert place.requests["a.tif"] < 20
    assert set(place.requests) == {"a.tif"}


def test_what_is_no_geotiff_is_refused(place):
    url = f"{place.address}/a.tif"
    with pytest.raises(OrbitileError, match=r"a\.tif: cannot be read as a GeoTIFF"), opened_on_server(url):
        pass


def test_images_elsewhere_in_the_settings_are_no_addresses(place):
    with pytest.raises(OrbitileError, match="is an address"), opened_raster(f"{place.address}/a.tif"):
        pass
    assert FileVersions()(f"{place.address}/a.tif") == "missing"
    assert not place.requests
