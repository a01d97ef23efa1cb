"""What weights state of the bands of rasters that they learn from."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from orbitile.training.bands import bands_to_state

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.mark.parametrize(
    ("names", "stated"),
    [
        (("image", "heat"), dict(bands=["image", "heat"])),
        (("image",), {}),
        (("image", None), {}),
        (("image", "IMAGE"), {}),
        ((None, None, None), {}),
    ],
)
def test_names_are_stated_where_they_tell_bands_apart(tmp_path: Path, names: tuple[str | None, ...], stated: dict):
    profile = dict(driver="GTiff", width=8, height=8, count=len(names), dtype="uint8", photometric="MINISBLACK")
    with rasterio.open(tmp_path / "a.tif", "w", **profile) as sink:
        sink.write(np.ones((len(names), 8, 8), np.uint8))
        sink.descriptions = names
    assert bands_to_state(str(tmp_path / "a.tif")) == stated
