"""Calls in other processes answer, and fail, as calls here do."""

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.base.processes import INLINE_CALLS, worker_processes
from orbitile.space.bodies import find_body


@pytest.fixture
def call():
    """Calls, after those few that are made here."""
    with worker_processes() as call:
        assert [call(os.getpid) for _ in range(INLINE_CALLS)] == [os.getpid()] * INLINE_CALLS
        yield call


def test_calls_of_many_threads_are_made_in_other_processes(call):
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda number: call(divmod, number, 7), range(40))) == [divmod(n, 7) for n in range(40)]
    assert call(os.getpid) != os.getpid()


def test_a_few_calls_start_no_process():
    with worker_processes() as call:
        assert call(os.getpid) == os.getpid()
        assert not multiprocessing.active_children()


def test_errors_come_back(call):
    with pytest.raises(OrbitileError, match="Vulcan"):
        call(find_body, "Vulcan")
