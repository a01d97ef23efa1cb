"""Calls in other processes answer, and fail, as calls here do, whatever becomes of the processes."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.base.processes import worker_pool
from orbitile.space.bodies import find_body
from orbitile.space.grids import ellipsoid_of


@pytest.fixture
def pool():
    """Two processes, whose calls may take 20 s."""
    with worker_pool(2, 20) as pool:
        yield pool


def die_once(note: str) -> str:
    """End the process that calls it, unless it has done so before."""
    if Path(note).exists():
        return "alive"
    Path(note).touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


def test_calls_of_many_threads_are_made_in_other_processes(pool):
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda number: pool.call(divmod, number, 7), range(40)))
    assert results == [divmod(number, 7) for number in range(40)]
    assert pool.call(os.getpid) != os.getpid()


def test_errors_come_back(pool):
    with pytest.raises(OrbitileError, match=r"^body: 'Vulcan'"):
        pool.call(find_body, "Vulcan")


def test_unforeseen_errors_come_back_with_class_and_place(pool):
    with pytest.raises(OrbitileError, match=r"^unforeseen ZeroDivisionError: .* by zero$"):
        pool.call(divmod, 1, 0)
    with pytest.raises(OrbitileError, match=r"^unforeseen AttributeError: .* \(in space/grids.py, line \d+\)$"):
        pool.call(ellipsoid_of, None)


def test_a_process_that_ends_is_the_fault_of_its_call(pool):
    with ThreadPoolExecutor(2) as threads:
        lost = threads.submit(pool.call, signal.raise_signal, signal.SIGKILL)
        others = [threads.submit(pool.call, abs, -number) for number in range(20)]
        with pytest.raises(OrbitileError, match=r"ended unexpectedly, twice .killed by SIGKILL"):
            lost.result()
    assert [other.result() for other in others] == list(range(20))


def test_an_exit_is_the_fault_of_its_call(pool):
    with pytest.raises(OrbitileError, match="exit status 3"):
        pool.call(os._exit, 3)
    assert pool.call(abs, -1) == 1


def test_a_process_that_was_killed_by_others_is_asked_again(pool, tmp_path):
    assert pool.call(die_once, str(tmp_path / "died")) == "alive"


def test_a_call_that_hangs_is_given_up():
    with worker_pool(1, 0.5) as pool:
        start = time.monotonic()
        with pytest.raises(OrbitileError, match=r"took longer than 0\.5 s"):
            pool.call(time.sleep, 60)
        assert time.monotonic() - start < 10


def test_no_process_is_left():
    with worker_pool(2, 20) as pool:
        numbers = {pool.call(os.getpid) for _ in range(4)}
    for number in numbers:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
