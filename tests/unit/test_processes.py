"""Calls in other processes answer, and fail, as calls here do."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from orbitile.errors import OrbitileError
from orbitile.processes import FEW, elsewhere
from orbitile.space.bodies import body


def test_calls_of_many_threads_are_made_in_other_processes():
    with elsewhere(FEW + 1) as call, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda number: call(divmod, number, 7), range(40))) == [divmod(n, 7) for n in range(40)]
        assert call(os.getpid) != os.getpid()


def test_a_few_calls_are_made_here():
    with elsewhere(FEW) as call:
        assert call(os.getpid) == os.getpid()


def test_errors_come_back():
    with elsewhere(FEW + 1) as call, pytest.raises(OrbitileError, match="Vulcan"):
        call(body, "Vulcan")
