import pytest
from fake_isis import FakeIsis

from orbitile.georeferencing.instruments.isis_support import is_installed, isis_available, isis_enabled
from orbitile.georeferencing.instruments.lroc_nac import LROC_NACL


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """ISIS's programs for LRO, in a made-up installation."""
    fake = FakeIsis.install(tmp_path / "isis", LROC_NACL.isis.names)
    fake.activate(monkeypatch)
    monkeypatch.setenv("PATH", str(fake.root / "bin"))
    return fake


def test_instruments_whose_programs_are_there(installed):
    names = ("LROC_NACL", "LROC_NACR", "CTX", "THEMIS")
    assert [isis_available(name) for name in names] == [True, True, False, False]


def test_isis_is_enabled_where_one_instrument_can_use_it(installed, monkeypatch):
    assert is_installed()
    assert (isis_enabled("auto"), isis_enabled("never")) == (True, False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert not is_installed()
    assert not isis_enabled("auto")


@pytest.mark.parametrize("name", ["ISISROOT", "ISISDATA"])
def test_without_its_folders_isis_cannot_be_used(installed, monkeypatch, name):
    monkeypatch.delenv(name)
    assert not isis_available("LROC_NACL")
