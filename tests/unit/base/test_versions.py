import os
import time

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.base.versions import (
    SMALL_BYTES,
    FileVersions,
    companion_names,
    file_version,
    files_version,
    unchanged_files,
)

LARGE = b"x" * (SMALL_BYTES + 1)
A_DAY_NS = 24 * 3600 * 10**9


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(LARGE)
    return path


@pytest.mark.parametrize("content", [b"1", LARGE])
def test_a_version_changes_with_the_content(tmp_path, content):
    path = tmp_path / "a"
    path.write_bytes(content)
    before = file_version(path)
    assert file_version(path) == before
    path.write_bytes(content + b"2")
    assert file_version(path) != before


def test_version_of_a_file_that_is_not_there(tmp_path):
    assert file_version(tmp_path / "gone") == "missing"


@pytest.mark.parametrize("content", [b"one", LARGE])
def test_a_file_of_the_same_size_and_time_is_another(tmp_path, content):
    path, other = tmp_path / "a", tmp_path / "b"
    for file, bytes_ in ((path, content), (other, content[::-1][:-1] + b"?")):
        file.write_bytes(bytes_)
        os.utime(file, ns=(10**18, 10**18))
    before = file_version(path)
    other.replace(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (len(content), 10**18)
    assert file_version(path) != before


def test_a_large_file_that_is_written_in_place_and_gets_its_time_back_is_another(image):
    before, stamp = file_version(image), image.stat()
    time.sleep(0.02)  # the kernel counts times in ticks
    with image.open("r+b") as file:
        file.write(b"y")
    os.utime(image, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert image.stat().st_mtime_ns == stamp.st_mtime_ns
    assert file_version(image) != before


def test_to_touch_a_small_file_changes_nothing(tmp_path):
    path = tmp_path / "a.vrt"
    path.write_text("<VRTDataset/>")
    before = file_version(path)
    os.utime(path, ns=(5, 5))
    assert file_version(path) == before


def test_a_time_in_the_future_is_a_time_like_any_other(image):
    future = time.time_ns() + A_DAY_NS
    os.utime(image, ns=(future, future))
    before = file_version(image)
    assert file_version(image) == before
    os.utime(image, ns=(future + 1, future + 1))
    assert file_version(image) != before


def test_a_pipe_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert file_version(tmp_path / "pipe") != "missing"


@pytest.mark.parametrize(
    ("name", "counts"), [("a.bsp", True), ("deep/er/A.TLS", True), ("a.tif", False), ("a.parquet", False)]
)
def test_version_of_a_folder_is_that_of_its_kernels(tmp_path, name, counts):
    (tmp_path / "own.tpc").touch()
    before = file_version(tmp_path)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(2):
        path.write_text(f"{path.exists()}")
        now = file_version(tmp_path)
        assert (now != before) == counts
        assert file_version(tmp_path) == now
        before = now


COMPANIONS = [
    "a.tif.aux.xml", "a.tif.msk", "a.tif.ovr", "a.tif.msk.ovr", "a.tfw", "a.tifw", "a.wld", "a.prj", "a.tab", "a.aux",
    "a.hdr", "a.lbl", "a.LBL", "a.IMD", "a.RPB", "a_RPC.TXT", "A.TIF.MSK", "a.TFW", "a.xml", "a.tif.msk.aux.xml",
]  # fmt: skip


@pytest.mark.parametrize("name", COMPANIONS)
def test_what_appears_changes_or_goes_beside_a_file_changes_its_version(image, name):
    beside = image.with_name(name)
    before = files_version([image])
    beside.write_text("1")
    with_it = files_version([image])
    beside.write_text("2")
    changed = files_version([image])
    beside.unlink()
    assert files_version([image]) == before
    assert len({before, with_it, changed}) == 3


@pytest.mark.parametrize("name", ["b.tif", "b.tif.msk", "a.png", "a.tif.txt", "aa.tfw", "a.cub", "a.qix"])
def test_other_files_beside_a_file_do_not(image, name):
    before = files_version([image])
    image.with_name(name).write_text("1")
    assert files_version([image]) == before


@pytest.mark.parametrize("part", [".shx", ".dbf", ".prj", ".cpg", ".DBF"])
def test_a_shapefile_changes_with_its_parts(tmp_path, part):
    path = tmp_path / "labels.shp"
    path.write_bytes(LARGE)
    before = files_version([path])
    path.with_suffix(part).write_text("1")
    assert files_version([path]) != before


def test_a_geopackage_changes_with_pages_that_wait_beside_it(tmp_path):
    path = tmp_path / "labels.gpkg"
    path.write_bytes(LARGE)
    before = files_version([path])
    (tmp_path / "labels.gpkg-wal").write_text("1")
    assert files_version([path]) != before


def test_folders_are_listed_once_for_all_their_files(tmp_path, monkeypatch):
    paths = [tmp_path / f"{number}.tif" for number in range(50)]
    for path in paths:
        path.write_text("1")
    listed, listdir = [], os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: listed.append(folder) or listdir(folder))
    files_version(paths)
    assert listed == [str(tmp_path)]


def test_relative_paths_count_from_the_working_directory(image, monkeypatch):
    monkeypatch.chdir(image.parent)
    before = files_version(["a.tif"])
    (image.parent / "a.tif.msk").write_text("1")
    assert files_version(["a.tif"]) == files_version([image]) != before


def test_unchanged_files_pass(image):
    with unchanged_files([str(image)], files_version([image])):
        pass


@pytest.mark.parametrize("when", ["before", "meanwhile"])
@pytest.mark.parametrize("beside", ["", ".msk"])
def test_a_changed_file_is_refused_by_name(image, tmp_path, when, beside):
    same = tmp_path / "same.tif"
    same.write_text("1")
    paths = [str(same), str(image)]
    version = files_version(paths)
    changed = tmp_path / f"a.tif{beside}"
    entered = []
    if when == "before":
        changed.write_text("new")
    with (
        pytest.raises(OrbitileError, match=r"a\.tif: changed since it was planned.* run again"),
        unchanged_files(paths, version),
    ):
        entered.append(when)
        changed.write_text("new")
    assert entered == (["meanwhile"] if when == "meanwhile" else [])


def test_versions_of_folders_are_shared(tmp_path):
    (tmp_path / "a.tls").write_text("1")
    version = FileVersions()
    before = version(tmp_path)
    (tmp_path / "a.tls").write_text("2")
    assert version(tmp_path) == before != FileVersions()(tmp_path)


@pytest.mark.parametrize("name", ["a.txt", "labels/a.xml"])
def test_labels_make_the_version_of_a_folder_without_kernels(tmp_path, name):
    (tmp_path / "labels").mkdir()
    versions = [file_version(tmp_path)]
    for text in ("0 0.5 0.5 0.1 0.1", "0 0.5 0.5 0.1 0.2"):
        (tmp_path / name).write_text(text)
        versions.append(file_version(tmp_path))
    (tmp_path / "a.png").touch()
    assert len(set(versions)) == 3
    assert file_version(tmp_path) == versions[-1]


def test_companions_are_the_entries_with_names_of_companions_whatever_lies_beside(tmp_path):
    names = [
        "a.tif", "A.tif", "a.tif.msk", "A.MSK", "a.TFW", "ab.tif", "ab.tif.aux.xml", "a_rpc.txt", "a-wal", "a",
        "a.b.tif", "a.b.tfw", "b.img", "b.lbl", "c.tif", "d.tif.msk", "\u0130.tif", "\u0130.tfw", ".hidden",
        "e.\U0010ffff",
    ]  # fmt: skip
    for name in names:
        (tmp_path / name).touch()
    versions = FileVersions()
    for name in [*names, "d.tif", "gone.tif", "e"]:
        expected = [file for file in names if file.lower() in companion_names(name) and file != name]
        assert versions.companions(str(tmp_path / name)) == sorted(str(tmp_path / file) for file in expected)
    assert versions.companions(str(tmp_path / "c.tif")) == []
    beside = [str(tmp_path / name) for name in ("a.TFW", "a.tif.msk", "a_rpc.txt")]
    assert versions.companions(str(tmp_path / "a.tif")) == beside
