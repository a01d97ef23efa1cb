import errno
import json
import os
from pathlib import Path

import pytest

from orbitile.base.files import atomic, cache_key, publish, scratch, sha256, sync_folder, write_json, write_text


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """What reaches the disk, in order: names of files and folders that are synced, and new names."""
    log = []
    real_sync, real_rename = os.fsync, os.rename

    def name_of(descriptor):
        return Path(f"/proc/self/fd/{descriptor}").readlink().name

    def log_sync(descriptor):
        log.append(f"sync {name_of(descriptor)}")
        real_sync(descriptor)

    monkeypatch.setattr(os, "fsync", log_sync)
    for name in ("rename", "replace"):
        monkeypatch.setattr(
            os, name, lambda old, new, **_: (log.append(f"name {Path(new).name}"), real_rename(old, new))
        )
    return log


def test_content_is_on_the_disk_before_its_name_and_the_name_before_all_that_follows(tmp_path, calls):
    with atomic(tmp_path / "a.tif") as temporary:
        temporary.write_text("new")
        assert calls == []
    assert calls == [f"sync {temporary.name}", "name a.tif", f"sync {tmp_path.name}"]


def test_new_folders_are_on_the_disk(tmp_path, calls):
    write_text(tmp_path / "b" / "c" / "a.txt", "new")
    assert {f"sync {tmp_path.name}", "sync b", "sync c"} <= set(calls)


def test_parts_get_their_names_in_order_after_all_are_on_the_disk(tmp_path, calls):
    parts = {tmp_path / f".{name}": tmp_path / name for name in ("a.dbf", "a.shp")}
    for temporary in parts:
        temporary.write_text("new")
    publish(parts)
    assert calls == ["sync .a.dbf", "sync .a.shp", "name a.dbf", "name a.shp", f"sync {tmp_path.name}"]


def test_a_disk_that_does_not_take_the_content_leaves_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("old")

    def refuse(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space left") as refusal:
        write_text(tmp_path / "a.txt", "new")
    assert refusal.value.filename == str(tmp_path / "a.txt")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.txt", "old")]


def test_file_systems_that_sync_no_folders_are_fine(tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    sync_folder(tmp_path)


def test_atomic_renames_on_success(tmp_path):
    with atomic(tmp_path / "deep" / "a.tif") as temporary:
        temporary.write_text("new")
        assert not (tmp_path / "deep" / "a.tif").exists()
    assert (tmp_path / "deep" / "a.tif").read_text() == "new"


def test_atomic_leaves_the_old_file_on_failure(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.txt", "old")]


@pytest.mark.parametrize("name", ["a.tif", "a.shp.names.csv", "a.b.parquet"])
def test_temporary_names_keep_folder_and_suffix(tmp_path, name):
    with scratch(tmp_path / name) as temporary:
        assert temporary.suffix == (tmp_path / name).suffix
        assert temporary.parent == tmp_path
        assert temporary.name != name


def test_scratch_is_removed(tmp_path):
    with scratch(tmp_path / "a.tif") as temporary:
        temporary.write_text("work")
    assert list(tmp_path.iterdir()) == []


def test_scratch_may_be_gone_already(tmp_path):
    with scratch(tmp_path / "a.tif"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_write_text(tmp_path):
    write_text(tmp_path / "a.txt", "é\n")
    assert (tmp_path / "a.txt").read_text() == "é\n"


def test_write_json(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, None]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"b": [1, None]}
    assert (tmp_path / "a.json").read_text().endswith("}\n")


def test_sha256_of_a_published_vector(tmp_path):
    """FIPS 180-2, appendix B.1."""
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_key_ignores_the_order_of_its_parts():
    assert cache_key(a=1, b="x") == cache_key(b="x", a=1)


@pytest.mark.parametrize("parts", [dict(a=2), dict(b=1), dict(a="1"), dict(a=1, b=None), dict(a=[1])])
def test_key_tells_parts_apart(parts):
    assert cache_key(**parts) != cache_key(a=1)


def test_key_names_a_file(tmp_path):
    assert len(cache_key(path=tmp_path)) == 12
    assert set(cache_key(path=tmp_path)) <= set("0123456789abcdef")
