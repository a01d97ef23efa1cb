import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from orbitile.pictures.scene_picture import HEADING_PX, LONGER_SIDE_PX
from orbitile.stages.overview import overview
from orbitile.tables.rasters import write_rasters

MOON_M = 1737400.0
DEGREE_M = MOON_M * np.pi / 180
GREY = np.tile(np.arange(50, 150, dtype=np.uint8), (50, 1))


@pytest.fixture
def drawn(raster, tmp_path):
    """Draws scenes of 10 x 5 degrees that begin at the given longitudes, and craters (lon, lat, km)."""

    def run(lefts, craters):
        rows = [raster(GREY, f"s{k}", DEGREE_M / 10, left=left * DEGREE_M) for k, left in enumerate(lefts)]
        paths = [str(tmp_path / f"{row.scene}.parquet") for row in rows]
        for row, path in zip(rows, paths, strict=True):
            write_rasters([row], path)
        lines = ["lon,lat,diam_km", *(",".join(map(str, crater)) for crater in craters)]
        (tmp_path / "craters.csv").write_text("\n".join(lines))
        overview(str(tmp_path / "craters.csv"), paths, MOON_M, str(tmp_path / "overview.png"))
        return np.array(Image.open(tmp_path / "overview.png").convert("RGB"))[HEADING_PX:]

    return run


def rings(image):
    """Rows and columns of the craters' colour."""
    return np.nonzero(np.abs(image - np.round(np.array(to_rgb("#00e5ff")) * 255)).max(axis=2) < 60)


def test_scenes_and_craters_lie_in_their_places(drawn):
    """Two made-up scenes with a gap between them, and a crater of 2 degrees in the second."""
    image = drawn([0, 30], [(35, -2.5, 2 * DEGREE_M / 1000)])
    assert image.shape[1] == LONGER_SIDE_PX
    assert (image[100, 600:1000] == 255).all()
    assert image[100, 100:300].std() > 5
    rows, columns = rings(image)
    assert (columns.min(), columns.max()) == pytest.approx((34 * 40, 36 * 40), abs=3)
    assert (rows.min(), rows.max()) == pytest.approx((1.5 * 40, 3.5 * 40), abs=3)


def test_a_run_without_craters(drawn):
    image = drawn([0], [])
    assert len(rings(image)[0]) == 0
    assert image.std() > 5
