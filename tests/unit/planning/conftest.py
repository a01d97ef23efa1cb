"""What tests of planning share."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from orbitile.planning import headers


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers are read in the process of the test, where it can watch."""

    @contextmanager
    def no_pool(*sizes: object) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(call=lambda function, *arguments: function(*arguments))

    monkeypatch.setattr(headers, "worker_pool", no_pool)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, in_this_process: None) -> list[str]:
    """The scenes whose headers were read, since this was cleared."""
    names, place = [], headers._place

    def spy(scene, *arguments):
        names.append(scene)
        return place(scene, *arguments)

    monkeypatch.setattr(headers, "_place", spy)
    return names
