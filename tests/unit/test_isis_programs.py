import pytest
from fake_isis import VERSION, FakeIsis

from orbitile.errors import OrbitileError
from orbitile.isis.programs import available, check, isis_version, missing_programs
from orbitile.isis.sequences import PROGRAMS


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """ISIS's programs for LRO, in a made-up installation."""
    fake = FakeIsis.install(tmp_path / "isis", PROGRAMS["LROC_NACL"])
    fake.activate(monkeypatch)
    monkeypatch.setenv("PATH", str(fake.root / "bin"))
    return fake


def test_what_is_there_and_what_is_not(installed):
    assert missing_programs("LROC_NACR") == []
    assert missing_programs("CTX") == ["mroctx2isis", "ctxcal", "ctxevenodd"]
    assert [available(name) for name in ("LROC_NACL", "LROC_NACR", "CTX", "THEMIS")] == [True, True, False, False]


def test_missing_programs_are_named_with_the_way_out(installed):
    with pytest.raises(
        OrbitileError, match="ISIS: hi2isis, hical not found on the PATH, which HIRISE images need; act"
    ):
        check("HIRISE")


@pytest.mark.parametrize("name", ["ISISROOT", "ISISDATA"])
@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (None, "is not set"),
        ("", "is not set"),
        ("isis", "is 'isis', no folder by"),
        ("/no/where", "is '/no/where', no"),
    ],
)
def test_folders_must_be_named(installed, monkeypatch, tmp_path, name, value, fault):
    """A relative path would mean another folder where the programs run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    with pytest.raises(OrbitileError) as error:
        check("LROC_NACL")
    assert str(error.value).startswith(f"ISIS: {name} {fault}")
    assert f"set it with `export {name}=/path` to the folder" in str(error.value)
    assert not available("LROC_NACL")


@pytest.mark.parametrize("text", ["8.3.0 # Public version number\n2024-09-30\n", "isis8.3.0 | 2024-09-30\n", "8.3.0"])
def test_the_version(installed, text):
    (installed.root / "isis_version.txt").write_text(text)
    assert isis_version() == VERSION


@pytest.mark.parametrize("text", [None, ""])
def test_no_version(installed, text):
    path = installed.root / "isis_version.txt"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(OrbitileError, match=r"isis_version\.txt cannot be read; set it to the folder"):
        isis_version()
