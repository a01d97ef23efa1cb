"""Loops over single pixels or boxes, compiled by numba."""

from collections.abc import Callable

from numba import njit


def compiled(function: Callable) -> Callable:
    """Compile a function; the result is cached on disk where a folder for it can be written.

    Functions that call each other belong in one file: numba's cache does not notice a change in another.
    """
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither the library's folder nor the user's cache can be written
        return njit(nogil=True)(function)
