"""Calls made at once in processes of their own: for what threads of one process do one after another."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any

from orbitile.cores import cores

FEW = 50
"""Calls for which it does not pay to start processes, which takes some seconds."""


@contextmanager
def elsewhere() -> Iterator[Callable[..., Any]]:
    """Yield what calls a function with its arguments, all of them picklable, and waits for the answer.

    The first few calls are made here, all others in as many processes as there are cores, started when they are needed.
    Any thread may call. Errors are those of the function.
    """
    calls = count()
    fresh = multiprocessing.get_context("spawn")  # a fork of a process with threads may never end
    with ProcessPoolExecutor(cores(), fresh, _leave_interrupts) as pool:

        def call(function: Callable, *arguments: object) -> object:
            return function(*arguments) if next(calls) < FEW else pool.submit(function, *arguments).result()

        yield call


def _leave_interrupts() -> None:
    """Leave Ctrl-C to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
