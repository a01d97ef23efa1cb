"""Waiting for what another process or thread does."""

import time
from collections.abc import Callable

PATIENCE_S = 30


def wait_until(true: Callable[[], object]) -> None:
    """Wait until something is so; fails where it does not come."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, f"not so after {PATIENCE_S} s"
        time.sleep(0.02)
