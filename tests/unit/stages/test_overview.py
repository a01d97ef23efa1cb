import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from small_catalogues import write_small_catalogue

from orbitile.pictures.scene_picture import HEADING_PX, LONGER_SIDE_PX, RunPicture
from orbitile.stages import overview as stage
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
        overview(write_small_catalogue(tmp_path, craters), paths, MOON_M, str(tmp_path / "overview.png"))
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


@pytest.mark.parametrize(
    ("detail", "heading"),
    [
        ("", "1 scene; left out, in part or as a whole: b"),
        ("tiles 1 to 2", "2 scenes; left out, in part or as a whole: b"),
    ],
)
def test_scenes_that_were_left_out_are_not_counted(raster, tmp_path, detail, heading):
    write_rasters([raster(GREY, name) for name in "ab"], tmp_path / "rasters.parquet")
    picture = RunPicture.of([str(tmp_path / "rasters.parquet")])
    assert picture.searched_text([dict(scene="b", detail=detail)]) == heading
    assert picture.searched_text([]) == "2 scenes"


def test_a_run_without_craters(drawn):
    image = drawn([0], [])
    assert len(rings(image)[0]) == 0
    assert image.std() > 5


@pytest.mark.parametrize("limits", [dict(MOST_RINGS=30, MOST_SMALL_RINGS=0), dict(MOST_SMALL_RINGS=30)])
def test_where_rings_would_be_a_blot_density_is_drawn(drawn, monkeypatch, limits):
    """Made-up craters of 100 m, all in the middle of the scene, and a large one, which still has its ring."""
    for name, number in limits.items():
        monkeypatch.setattr(stage, name, number)
    monkeypatch.setattr(stage, "LARGEST", 1)
    image = drawn([0], [(5, -2.5, 0.1)] * 40 + [(2, -2.5, DEGREE_M / 1000)]).astype(int)
    _, columns = rings(image)
    assert (columns.min(), columns.max()) == pytest.approx((1.5 * 160, 2.5 * 160), abs=3)
    assert np.ptp(image[396:404, 796:804], axis=2).max() > 20
    beside = image[200:600, 850:1400]
    assert np.ptp(beside, axis=2).max() == 0


def test_a_few_small_rings_are_rings(drawn):
    image = drawn([0], [(5, -2.5, 20)] * 3)
    assert 0 < len(rings(image)[0]) < 2000
