"""Which version and commit a result says it was made by."""

import subprocess

import pytest

from orbitile import __version__
from orbitile.base import provenance as module


def git(folder, *arguments):
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    return subprocess.run(
        ["git", *identity, "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one commit in the library's place."""
    git(tmp_path, "init")
    (tmp_path / "file").write_text("a")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "made up")
    monkeypatch.setattr(module, "CHECKOUT", tmp_path)
    return tmp_path


def commit():
    module.provenance.cache_clear()
    values = module.provenance()
    module.provenance.cache_clear()
    assert values["orbitile_version"] == __version__
    return values["orbitile_commit"]


def test_a_clean_checkout_is_named_by_its_commit(repository):
    assert commit() == git(repository, "rev-parse", "HEAD")


def test_a_changed_file_shows(repository):
    (repository / "file").write_text("b")
    assert commit() == git(repository, "rev-parse", "HEAD") + "-modified"


def test_a_tag_takes_no_commit_s_place(repository):
    git(repository, "tag", "-a", "v1", "-m", "made up")
    assert commit() == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("detached", [False, True])
def test_without_git_the_commit_is_read_from_its_files(repository, monkeypatch, packed, detached):
    expected = git(repository, "rev-parse", "HEAD")
    if detached:
        git(repository, "checkout", "--detach")
    if packed:
        git(repository, "pack-refs", "--all")
    monkeypatch.setenv("PATH", str(repository))
    assert commit() == expected


def test_a_folder_without_a_repository_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHECKOUT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit() == module.UNKNOWN
