"""Whether Craterstats runs, and what it answers; a program stands in for it."""

import sys
from pathlib import Path

import pytest
from fake_craterstats import reply, write_program

from orbitile.base.errors import OrbitileError
from orbitile.counting.craterstats_program import ask_craterstats, find_program


def test_a_missing_program_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_program(Path("no/python")) == (None, "there is no no/python")


def test_a_python_without_craterstats_is_said():
    python, reason = find_program(Path(sys.executable))
    assert python is None
    assert reason.endswith("cannot import it (ModuleNotFoundError: No module named 'craterstats')")


def test_a_program_is_looked_for_in_the_working_folder(tmp_path, monkeypatch):
    program = write_program(tmp_path, reply())
    monkeypatch.chdir(tmp_path)
    assert find_program(Path("python")) == (program, "")


def test_replies_come_back(tmp_path):
    assert ask_craterstats(write_program(tmp_path, reply()), {})["version"] == "3.6.11"


def test_a_refusal_is_one_line(tmp_path):
    program = write_program(tmp_path, dict(refused="dating.chronology_system: 'x' is none of Craterstats'"))
    with pytest.raises(OrbitileError, match=r"^dating.chronology_system: 'x' is none of Craterstats'$"):
        ask_craterstats(program, {})


def test_a_failure_is_one_line(tmp_path):
    with pytest.raises(OrbitileError, match=r"failed: ValueError: broken; make its environment with `make crater"):
        ask_craterstats(write_program(tmp_path, reply(), status=3), {})
