"""What tests of raw images share."""

from pathlib import Path

import pytest
from raw_archive import Archive


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Writes made-up raw products."""
    return Archive(tmp_path)
