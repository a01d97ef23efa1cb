"""What tests of planning share."""

import pytest

from orbitile.planning import headers


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scenes whose headers were read, since this was cleared."""
    names, place = [], headers._place

    def spy(scene, *arguments):
        names.append(scene)
        return place(scene, *arguments)

    monkeypatch.setattr(headers, "_place", spy)
    return names
