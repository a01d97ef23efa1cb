import pytest
from fake_isis import VERSION, FakeIsis

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.isis.programs import check_programs, isis_version, missing_programs

NAMES = ("lronac2isis", "spiceinit", "cam2map")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Three programs in a made-up installation."""
    fake = FakeIsis.install(tmp_path / "isis", NAMES)
    fake.activate(monkeypatch)
    monkeypatch.setenv("PATH", str(fake.root / "bin"))
    return fake


def test_programs_that_are_not_on_the_path(installed):
    assert missing_programs(NAMES) == []
    assert missing_programs(("mroctx2isis", *NAMES, "ctxcal")) == ["mroctx2isis", "ctxcal"]
    check_programs("LROC_NACL", NAMES)


def test_missing_programs_are_named_with_the_way_out(installed):
    message = "ISIS: hi2isis, hical not found on the PATH, which HIRISE images need; act"
    with pytest.raises(OrbitileError, match=message):
        check_programs("HIRISE", ("hi2isis", "spiceinit", "hical"))


@pytest.mark.parametrize("name", ["ISISROOT", "ISISDATA"])
@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (None, "is not set"),
        ("", "is not set"),
        ("isis", "is 'isis', not the absolute path"),
        ("/no/where", "is '/no/where', not the"),
    ],
)
def test_folders_must_be_named(installed, monkeypatch, tmp_path, name, value, fault):
    """A relative path would mean another folder where the programs run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    with pytest.raises(OrbitileError) as error:
        check_programs("LROC_NACL", NAMES)
    assert str(error.value).startswith(f"ISIS: {name} {fault}")
    assert f"set it with `export {name}=/path` to the folder" in str(error.value)


@pytest.mark.parametrize("text", ["8.3.0 # Public version number\n2024-09-30\n", "isis8.3.0 | 2024-09-30\n", "8.3.0"])
def test_the_version(installed, text):
    (installed.root / "isis_version.txt").write_text(text)
    assert isis_version() == VERSION


@pytest.mark.parametrize("text", [None, ""])
def test_no_version(installed, text):
    path = installed.root / "isis_version.txt"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(OrbitileError, match=r"cannot read .* in .*isis_version\.txt; set it to the folder"):
        isis_version()
