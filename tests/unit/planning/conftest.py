"""What tests of planning share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from orbitile.planning import headers
from orbitile.settings import Settings


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


@pytest.fixture
def settings_of_rows(tmp_path: Path) -> Callable[..., Settings]:
    """Writes a scene table of some rows; the settings of a run of it at one scale in m/px."""

    def write(*rows: str, columns: str, body: str, gsd_m: float, **change: object) -> Settings:
        (tmp_path / "scenes.csv").write_text("\n".join([columns, *rows, ""]))
        scale = dict(gsd_m=gsd_m, tile_px=32, overlap_px=16)
        model = dict(weights="any.safetensors", sha256="0" * 64)
        fixed = dict(run="r", body=body, scenes=tmp_path / "scenes.csv", scales=[scale], model=model,
                     scenes_per_group=1)  # fmt: skip
        return Settings(**fixed | change)

    return write
