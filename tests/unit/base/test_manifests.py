import json

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.base.manifests import changed_part, read_manifest, withdraw_manifest


@pytest.fixture
def manifest(tmp_path):
    """A made-up result of two parts and a file in another format."""
    (tmp_path / "craters").mkdir()
    for name in ("craters/a.parquet", "craters/b.parquet", "craters.gpkg"):
        (tmp_path / name).write_bytes(b"made up")
    content = dict(
        rows=2, files=[dict(path="craters.gpkg", rows=2, bytes=7)],
        parts=[dict(path=f"craters/{name}.parquet", rows=1, bytes=7) for name in "ab"],
    )  # fmt: skip
    (tmp_path / "craters.json").write_text(json.dumps(content))
    return tmp_path / "craters.json"


def change(manifest):
    return changed_part(manifest, read_manifest(manifest))


def test_all_is_there(manifest):
    assert read_manifest(manifest)["rows"] == 2
    assert withdraw_manifest(manifest) is None
    assert change(manifest) is None


@pytest.mark.parametrize("name", ["craters/b.parquet", "craters.gpkg"])
def test_a_file_is_gone(manifest, name):
    (manifest.parent / name).unlink()
    content = manifest.read_text()
    assert withdraw_manifest(manifest) == manifest.parent / name
    assert not manifest.exists() and manifest.with_suffix(".withdrawn.json").read_text() == content
    assert withdraw_manifest(manifest) is None


def test_without_a_manifest_nothing_is_missing(tmp_path):
    """For then all of it is made."""
    assert withdraw_manifest(tmp_path / "craters.json") is None


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"parts": [1]}', '{"parts": [{}]}'])
def test_an_unreadable_manifest_is_missing_itself(manifest, text):
    manifest.write_text(text)
    assert withdraw_manifest(manifest) == manifest


def test_a_part_of_another_length(manifest):
    (manifest.parent / "craters" / "a.parquet").write_bytes(b"older")
    assert change(manifest).endswith("a.parquet has 5 bytes instead of 7")
    (manifest.parent / "craters" / "a.parquet").unlink()
    assert change(manifest).endswith("a.parquet is missing")


def test_a_part_of_another_partition(manifest):
    """It would count twice for whoever reads the folder."""
    (manifest.parent / "craters" / "old.parquet").write_bytes(b"made up")
    assert change(manifest).endswith("old.parquet is no part of it")


def test_a_file_that_its_program_has_changed_is_no_fault(manifest):
    """As when QGIS saves a style in a GeoPackage."""
    (manifest.parent / "craters.gpkg").write_bytes(b"with a style")
    assert withdraw_manifest(manifest) is None and change(manifest) is None


def test_no_manifest(tmp_path):
    with pytest.raises(OrbitileError, match=r"craters\.json: there is no such file: the run has not come to its end"):
        read_manifest(tmp_path / "craters.json")
    (tmp_path / "craters.json").write_text("{")
    with pytest.raises(OrbitileError, match="not a readable manifest"):
        read_manifest(tmp_path / "craters.json")
