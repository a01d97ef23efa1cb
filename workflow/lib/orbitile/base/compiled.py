"""Loops over single pixels or boxes, compiled by numba."""

import sys
from collections.abc import Callable
from functools import update_wrapper
from threading import Lock

_LOCK = Lock()


class CompiledLoop:
    """A function that becomes numba's, with all others of its module that it may call, when it is called first.

    Numba takes a quarter of a second to import, and most jobs that could call such a function do not.
    """

    def __init__(self, function: Callable) -> None:
        update_wrapper(self, function)
        self.function = function
        self.dispatcher: Callable | None = None

    def __call__(self, *arguments: object) -> object:
        """Call it, compiled for these types of arguments."""
        if self.dispatcher is None:
            _compile_loops_of(vars(sys.modules[self.function.__module__]))
            assert self.dispatcher is not None
        return self.dispatcher(*arguments)


def compiled(function: Callable) -> Callable:
    """Compile a function; the result is cached on disk where a folder for it can be written.

    Functions that call each other belong in one file: numba's cache does not notice a change in another.
    """
    return CompiledLoop(function)


def _compile_loops_of(names: dict[str, object]) -> None:
    """Put numba's functions in the place of all loops among a module's names: it takes calls of its own kind only."""
    with _LOCK:
        loops = {name: loop for name, loop in names.items() if isinstance(loop, CompiledLoop)}
        dispatchers = {name: _dispatcher(loop.function) for name, loop in loops.items()}
        names.update(dispatchers)
        for name, loop in loops.items():
            loop.dispatcher = dispatchers[name]


def _dispatcher(function: Callable) -> Callable:
    from numba import njit

    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither the library's folder nor the user's cache can be written
        return njit(nogil=True)(function)
