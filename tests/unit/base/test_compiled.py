"""Loops that are compiled when they are called first."""

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

MODULE = '''
from orbitile.base.compiled import compiled


@compiled
def double(value):
    """Twice a value."""
    return 2 * value


@compiled
def sum_doubled(values):
    total = 0.0
    for value in values:
        total += double(value)
    return total
'''


@pytest.fixture
def loops(tmp_path, monkeypatch):
    """A module of two loops, one of which calls the other."""
    (tmp_path / "made_up_loops.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("made_up_loops")
    del sys.modules["made_up_loops"]


def test_loops_that_call_each_other(loops):
    before = loops.sum_doubled
    assert before(np.arange(4.0)) == 12
    assert before(np.arange(3.0)) == 6
    assert loops.double(4) == 8
    assert type(loops.sum_doubled).__module__.startswith("numba")


def test_loops_keep_their_names(loops):
    assert (loops.double.__name__, loops.double.__doc__) == ("double", "Twice a value.")


def test_threads_may_call_a_loop_first_all_at_once(loops):
    call = loops.sum_doubled
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: call(np.arange(4.0)), range(16))) == {12.0}
