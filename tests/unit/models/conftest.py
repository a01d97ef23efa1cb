import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

MODELS = Path(__file__).parents[3] / "models"


@pytest.fixture
def script(monkeypatch) -> Iterator[Callable[[str], ModuleType]]:
    """What imports a script of models/ by its name; afterwards all of them are forgotten."""
    monkeypatch.syspath_prepend(str(MODELS))
    yield importlib.import_module
    for path in MODELS.glob("*.py"):
        sys.modules.pop(path.stem, None)
