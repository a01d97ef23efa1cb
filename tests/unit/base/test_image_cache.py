"""Images of a server on this machine, kept in a folder of bounded size, by several processes at once. Made up."""

import multiprocessing
import os
import random
import shutil
import time

import pytest
from image_server import image_server, truncating

from orbitile.base import remote_files
from orbitile.base.errors import OrbitileError
from orbitile.base.image_cache import ABANDONED_AFTER_S, ImageCache
from orbitile.base.remote_files import remote_version
from orbitile.base.versions import NOT_THERE

SIZE = 500_000


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A server of ten images of half a megabyte, each of its own bytes."""
    folder = tmp_path / "server"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}.tif").write_bytes(bytes([number]) * SIZE)
    monkeypatch.setattr(remote_files, "WAITS_S", (0.01,))
    with image_server(folder) as server:
        yield server


@pytest.fixture
def cache(tmp_path):
    return ImageCache(tmp_path / "cache", 3 * SIZE)


def fetch(cache, place, number, out):
    """The bytes of an image, and how often the server was asked for more than its version."""
    url = f"{place.address}/{number}.tif"
    version = remote_version(url)
    before = place.requests[f"{number}.tif"]
    cache.fetch(url, version, out)
    return out.read_bytes(), place.requests[f"{number}.tif"] - before


def fetch_all(cache, place, numbers, out):
    for number in numbers:
        assert fetch(cache, place, number, out)[0] == bytes([number]) * SIZE


def files(cache):
    return sorted(cache.folder.iterdir())


def test_an_image_is_downloaded_once(cache, place, tmp_path):
    content = b"\1" * SIZE
    assert fetch(cache, place, 1, tmp_path / "a.tif") == (content, 1)
    assert fetch(cache, place, 1, tmp_path / "b.tif") == (content, 0)
    (tmp_path / "a.tif").write_bytes(b"changed by its reader")
    assert fetch(cache, place, 1, tmp_path / "b.tif") == (content, 0)


def test_an_image_that_changes_is_another(cache, place, tmp_path):
    fetch(cache, place, 1, tmp_path / "a.tif")
    (place.folder / "1.tif").write_bytes(b"x" * SIZE)
    assert fetch(cache, place, 1, tmp_path / "a.tif") == (b"x" * SIZE, 1)
    assert len(files(cache)) == 2


def test_what_was_used_least_recently_goes_first(cache, place, tmp_path):
    out = tmp_path / "a.tif"
    for number in (0, 1, 2, 0, 3):  # the fourth is a use, the fifth pushes 1 out
        fetch(cache, place, number, out)
        time.sleep(0.02)
    assert sum(path.stat().st_size for path in files(cache)) == cache.limit_bytes
    assert [fetch(cache, place, number, out)[1] for number in (0, 2, 3, 1)] == [0, 0, 0, 1]


def test_an_image_is_there_complete_or_not_at_all_and_within_the_limit(cache, place, tmp_path, monkeypatch):
    """While an image is written it has another name, and what it needs is free before."""
    copy, seen = shutil.copyfile, []

    def spy(source, target):
        copy(source, target)
        if target.parent == cache.folder:
            complete = [path for path in files(cache) if not path.name.startswith(".")]
            seen.append((len(complete), sum(path.stat().st_size for path in files(cache)) // SIZE))

    monkeypatch.setattr(shutil, "copyfile", spy)
    fetch_all(cache, place, range(5), tmp_path / "a.tif")
    assert seen == [(0, 1), (1, 2), (2, 3), (2, 3), (2, 3)]


def test_a_file_that_another_process_removes_meanwhile(cache, place, tmp_path):
    cache.folder.mkdir()
    (cache.folder / f"{'0' * 64}.image").symlink_to("gone")  # listed, but not there any more
    fetch(cache, place, 1, tmp_path / "a.tif")
    assert fetch(cache, place, 1, tmp_path / "a.tif") == (b"\1" * SIZE, 0)


def test_an_image_larger_than_all_of_the_folder_is_not_kept(cache, place, tmp_path, caplog):
    small = cache._replace(limit_bytes=SIZE - 1)
    assert fetch(small, place, 1, tmp_path / "a.tif") == (b"\1" * SIZE, 1)
    assert not cache.folder.exists() and "is not kept" in caplog.text


def test_an_image_whose_version_was_not_known_is_refused_as_without(cache, place, tmp_path):
    """Planned where a server did not answer when asked for the version, and then did for the header."""
    with pytest.raises(OrbitileError, match="changed since it was planned"):
        cache.fetch(f"{place.address}/1.tif", NOT_THERE, tmp_path / "a.tif")


def test_a_failed_download_leaves_nothing(cache, place, tmp_path):
    url = f"{place.address}/1.tif"
    version = remote_version(url)
    place.faults["1.tif"] = truncating(place.folder / "1.tif", 99)
    with pytest.raises(OrbitileError, match="does not answer as it should"):
        cache.fetch(url, version, tmp_path / "a.tif")
    assert not cache.folder.exists()


def test_a_damaged_file_is_replaced(cache, place, tmp_path):
    fetch(cache, place, 1, tmp_path / "a.tif")
    (path,) = files(cache)
    path.write_bytes(b"cut")
    assert fetch(cache, place, 1, tmp_path / "a.tif") == (b"\1" * SIZE, 1)
    assert path.read_bytes() == b"\1" * SIZE


def test_other_files_of_the_folder_are_not_touched(cache, place, tmp_path):
    cache.folder.mkdir()
    foreign = [cache.folder / name for name in ("mine.tif", f"{'0' * 64}.tif", f"{'0' * 63}.image", ".x.image")]
    for path in foreign:
        path.write_bytes(b"x" * 10 * SIZE)
        os.utime(path, (0, 0))
    fetch_all(cache, place, range(5), tmp_path / "a.tif")
    assert all(path.exists() for path in foreign)
    assert len(files(cache)) == len(foreign) + 3


def test_what_killed_writers_leave_goes_after_a_day(cache, place, tmp_path):
    cache.folder.mkdir()
    old, new = (cache.folder / f".{name * 64}.{name * 8}.image" for name in "ab")
    for path, age in ((old, ABANDONED_AFTER_S + 60), (new, 60)):
        path.write_bytes(b"x" * SIZE)
        os.utime(path, (time.time() - age,) * 2)
    fetch_all(cache, place, range(5), tmp_path / "a.tif")
    assert not old.exists() and new.exists()
    assert sum(path.stat().st_size for path in files(cache)) == cache.limit_bytes  # what is being written counts


@pytest.mark.parametrize("fault", ["file", "below"])
def test_a_folder_that_cannot_be_used_is_said_and_does_without(cache, place, tmp_path, caplog, fault):
    (tmp_path / "cache").touch()
    broken = cache if fault == "file" else cache._replace(folder=cache.folder / "below")
    assert fetch(broken, place, 1, tmp_path / "a.tif") == (b"\1" * SIZE, 1)
    assert "1.tif: is not kept in" in caplog.text


def worker(cache, place, seed, out, failures):
    chance = random.Random(seed)
    try:
        fetch_all(cache, place, [chance.randrange(10) for _ in range(60)], out)
    except BaseException as error:
        failures.put(repr(error))
        raise


def test_several_processes_at_once(cache, place, tmp_path):
    """Six processes use ten images in random order, in a folder with room for three: each gets the right bytes."""
    context = multiprocessing.get_context("fork")
    failures = context.Queue()
    arguments = [(cache, place, seed, tmp_path / f"{seed}.tif", failures) for seed in range(6)]
    processes = [context.Process(target=worker, args=each) for each in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert failures.empty() and [process.exitcode for process in processes] == [0] * 6
    assert sum(path.stat().st_size for path in files(cache)) <= cache.limit_bytes
    assert not [path for path in files(cache) if path.name.startswith(".")]


def test_a_file_that_is_read_is_read_to_its_end(cache, place, tmp_path):
    """Another process makes room between the moment that a file is opened and that it is read."""
    fetch(cache, place, 1, tmp_path / "a.tif")
    (path,) = files(cache)
    with open(path, "rb") as reader:
        fetch_all(cache, place, (2, 3, 4), tmp_path / "b.tif")
        assert not path.exists()
        assert reader.read() == b"\1" * SIZE
    assert fetch(cache, place, 1, tmp_path / "a.tif") == (b"\1" * SIZE, 1)


def test_the_section_of_the_settings(tmp_path):
    assert ImageCache.of(dict(folders=[], servers=[], cache=None, cache_gb=100.0)) is None
    assert ImageCache.of(dict(cache=str(tmp_path), cache_gb=0.5)) == ImageCache(tmp_path, 500_000_000)
