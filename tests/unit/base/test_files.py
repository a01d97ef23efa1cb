import json

import pytest

from orbitile.base.files import atomic, cache_key, file_version, scratch, sha256, write_json, write_text


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


def test_a_version_changes_with_the_content(tmp_path):
    path = tmp_path / "a"
    path.write_text("1")
    before = file_version(path)
    assert file_version(path) == before
    path.write_text("12")
    assert file_version(path) != before


def test_version_of_a_file_that_is_not_there(tmp_path):
    assert file_version(tmp_path / "gone") == "missing"


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
