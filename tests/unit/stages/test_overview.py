import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from PIL import Image
from small_catalogues import write_small_catalogue

from orbitile.pictures.scene_picture import HEADING_PX, LONGER_SIDE_PX, RunPicture
from orbitile.pictures.scene_sheet import SceneSheet
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


@pytest.fixture
def unmapped(raster, tmp_path, monkeypatch):
    """Draws scenes at one place and their craters (lon, lat, km); returns the picture, unsaved, and its heading."""
    pictures = []
    for kind in (RunPicture, SceneSheet):
        monkeypatch.setattr(kind, "save", lambda self, heading, out: pictures.append((self, heading)))

    def run(scenes, craters, crater_scenes):
        rows = [raster(GREY, scene, DEGREE_M / 10) for scene in scenes]
        write_rasters(rows, tmp_path / "rasters.parquet")
        manifest = write_small_catalogue(tmp_path, craters, crater_scenes)
        overview(manifest, [str(tmp_path / "rasters.parquet")], MOON_M, str(tmp_path / "o.png"), len(scenes))
        return pictures[-1]

    return run


def ring_centres(cell):
    """The middles (column, row) of the outlines in a cell, without their rims."""
    rings = [path.vertices for path in cell.axes.collections[-1].get_paths()]
    return [(np.ptp(ring, axis=0) / 2 + ring.min(axis=0)).round(2).tolist() for ring in rings]


def test_scenes_without_a_map_lie_side_by_side_with_their_craters(unmapped):
    """All lie at one place; a degree is 10 px."""
    craters = [(1, -1, 20), (5, -2, 20), (8, -3, 20)]
    sheet, heading = unmapped("abc", craters, ["a", "b", "b"])
    assert heading == "3 craters in 3 scenes"
    centres = {scene: ring_centres(cell) for scene, cell in sheet.cells.items()}
    assert centres["a"] == [pytest.approx([10, 10], abs=0.1)]
    assert sorted(centres["b"]) == [pytest.approx([50, 20], abs=0.1), pytest.approx([80, 30], abs=0.1)]
    assert centres["c"] == []
    assert not any("°" in text.get_text() for text in sheet.figure.findobj(Text))


def test_of_very_many_craters_without_a_map_the_largest_have_rings(unmapped, monkeypatch):
    monkeypatch.setattr(stage, "LARGEST", 1)
    sheet, heading = unmapped("ab", [(1, -1, 20), (5, -2, 30), (8, -3, 20)], ["a", "a", "b"])
    assert [len(ring_centres(cell)) for cell in sheet.cells.values()] == [1, 1]
    assert ring_centres(sheet.cells["a"]) == [pytest.approx([50, 20], abs=0.1)]
    assert heading == "3 craters in 2 scenes; rings: at most the 1 largest of each"


def test_a_scene_without_a_map_has_no_degrees(unmapped):
    picture, heading = unmapped("a", [(1, -1, 20)], ["a"])
    assert heading == "1 craters in 1 scene"
    assert len(picture.axes.collections[-1].get_paths()) == 1
    texts = [text.get_text() for text in picture.axes.texts]
    assert len(texts) == 1
    assert texts[0].endswith(" km")


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
