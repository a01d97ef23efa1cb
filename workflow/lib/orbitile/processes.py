"""Calls made at once in processes of their own: for what threads of one process do one after another."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from orbitile.cores import cores

FEW = 50
"""Calls for which it does not pay to start processes, which takes some seconds."""


@contextmanager
def elsewhere(calls: int) -> Iterator[Callable[..., Any]]:
    """Yield what calls a function with its arguments, all of them picklable, and waits for the answer.

    It does so in as many processes as there are cores, where there may be more than a few calls; else here. Any thread
    may call. Errors are those of the function.
    """
    if calls <= FEW:
        yield _here
        return
    fresh = multiprocessing.get_context("spawn")  # a fork of a process with threads may never end
    with ProcessPoolExecutor(cores(), fresh, _leave_interrupts) as pool:
        yield lambda function, *arguments: pool.submit(function, *arguments).result()


def _here(function: Callable, *arguments: object) -> object:
    return function(*arguments)


def _leave_interrupts() -> None:
    """Leave Ctrl-C to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
