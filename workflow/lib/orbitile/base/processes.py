"""Calls in processes of their own: for work that threads of one process can only do one after another."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any

from orbitile.base.cores import core_count

INLINE_CALLS = 50
"""The first calls run in this process: starting others takes some seconds."""


@contextmanager
def worker_processes() -> Iterator[Callable[..., Any]]:
    """Yield a function that calls another one with its arguments, all of them picklable, and returns its result.

    The first INLINE_CALLS calls run in this process, all others in as many processes as there are cores, which start
    when they are needed. Any thread may call. Errors are those of the function.
    """
    calls = count()
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may never end
    with ProcessPoolExecutor(core_count(), context, _ignore_interrupts) as pool:

        def call(function: Callable, *arguments: object) -> object:
            return function(*arguments) if next(calls) < INLINE_CALLS else pool.submit(function, *arguments).result()

        yield call


def _ignore_interrupts() -> None:
    """Ignore Ctrl-C; the process that started this one handles it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
