"""Pictures of made-up scenes with lacking was made of them."""

import geopandas
import numpy as np
import pytest
import shapely
from mask_runs import MOON, Lattice, MaskRun, lying, pieces
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from PIL import Image

from orbitile.jobs.pieces import JobWork
from orbitile.pictures import density as density_picture
from orbitile.pictures import picture_size
from orbitile.pictures.scene_picture import HEADING_PX, RunPicture
from orbitile.space.grids import Window
from orbitile.stages import overview_map as charting
from orbitile.stages.annotate_map import COLOURS, MapDrawing, annotate_map, picture_outlines
from orbitile.stages.overview_map import overview_map
from orbitile.tables.rasters import write_rasters

SHAPE = (120, 200)
WHOLE = pieces(200, 120)


@pytest.fixture
def mapped(tmp_path):
    def make(*boxes, cut=WHOLE):
        run = MaskRun(tmp_path / "r").stitched(lying(SHAPE, *boxes), cut)
        run.united()
        return run

    return make


def manifest(run):
    return str(run.folder / "map" / "polygons.json")


def picture(run, scene="a", unmapped_scenes=0):
    """The overlay of a scene, without its heading."""
    tables, out = (run.table("scaled", scene), run.table("stitched", scene)), str(run.folder / "o.json")
    annotate_map(MapDrawing(*tables, manifest(run)), MOON.radius_m, out, JobWork(), unmapped_scenes)
    return np.array(Image.open(run.folder / f"{scene}.png").convert("RGB"))[HEADING_PX:]


def charted(run):
    overview_map(manifest(run), run.tables("scaled"), MOON.radius_m, str(run.folder / "c.png"))
    return np.array(Image.open(run.folder / "c.png").convert("RGB"))[HEADING_PX:]


def coloured(image, kind):
    """Rows and columns of a colour."""
    return np.nonzero(np.abs(image - np.round(np.array(to_rgb(COLOURS[kind])) * 255)).max(axis=2) < 60)


def test_shapes_are_drawn_in_their_places(mapped):
    image = picture(mapped((40, 50, 160, 70)))
    assert image.shape == (5 * 120, 5 * 200, 3)
    rows, cols = (places / 5 for places in coloured(image, "polygons"))
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == pytest.approx((50, 70, 40, 160), abs=2)
    rows, cols = coloured(image, "lines")
    assert rows.mean() / 5 == pytest.approx(60, abs=2)
    inside, outside = image[5 * 55, 5 * 60].astype(int), image[5 * 20, 5 * 20].astype(int)
    assert outside.tolist() == [100, 100, 100]
    assert inside[0] - inside[2] > 50


def test_the_second_of_two_scenes_shows_what_goes_on_into_it(mapped):
    image = picture(mapped((40, 50, 160, 70), cut=pieces(200, 120, [80])), "b")
    _, cols = coloured(image, "polygons")
    assert image.shape[1] == 8 * 120
    assert (cols.min() / 8, cols.max() / 8) == pytest.approx((0, 80), abs=2)


@pytest.fixture
def unmapped(tmp_path):
    """Two scenes at one place: one with a groove above, one with a groove below."""
    run = MaskRun(tmp_path / "r", margin="never")
    for scene, box in (("a", (40, 20, 160, 40)), ("b", (40, 80, 160, 100))):
        run.stitched(lying(SHAPE, box), pieces(200, 120, names=scene))
    run.united()
    return run


def test_without_a_map_only_the_shapes_of_the_scene_are_drawn(unmapped):
    for scene, (top, bottom) in dict(a=(20, 40), b=(80, 100)).items():
        rows, _ = coloured(picture(unmapped, scene, unmapped_scenes=2), "polygons")
        assert (rows.min() / 5, rows.max() / 5) == pytest.approx((top, bottom), abs=2)


def test_degrees_are_those_of_a_map(unmapped):
    """What differs otherwise are the other scene's shapes, which lie below."""
    image, of_map = (picture(unmapped, "a", scenes)[:350] for scenes in (2, 0))
    grey = image[5 * 5, :, 0]
    assert (grey == 100).all()
    assert (of_map[5 * 5, :, 0] != 100).any()


def test_scenes_without_a_map_lie_side_by_side_with_their_shapes(unmapped, monkeypatch, tmp_path):
    sheets = []
    monkeypatch.setattr(charting.SceneSheet, "save", lambda self, heading, out: sheets.append((self, heading)))
    for most in (4000, 0):
        monkeypatch.setattr(charting, "MOST_CELL_OUTLINES", most)
        overview_map(manifest(unmapped), unmapped.tables("scaled"), MOON.radius_m, str(tmp_path / "c.png"), 2)
    (sheet, heading), (empty, _) = sheets
    assert heading == "2 polygons and 2 lines in 2 scenes"
    for scene, (top, bottom) in dict(a=(20, 40), b=(80, 100)).items():
        _, polygons, _, lines = sheet.cells[scene].axes.collections
        rows = np.concatenate([path.vertices for path in polygons.get_paths()])[:, 1]
        assert (rows.min(), rows.max()) == pytest.approx((top, bottom), abs=0.1)
        assert lines.get_paths()[0].vertices[:, 1].mean() == pytest.approx((top + bottom) / 2, abs=1)
    assert [len(cell.axes.collections) for cell in empty.cells.values()] == [0, 0]
    assert not any("°" in text.get_text() for text in sheet.figure.findobj(Text))


def test_one_scene_without_a_map_has_a_chart_without_degrees(mapped, monkeypatch, tmp_path):
    run, charts = mapped((40, 50, 160, 70)), []
    monkeypatch.setattr(charting.RunPicture, "save", lambda self, heading, out: charts.append(self))
    overview_map(manifest(run), run.tables("scaled"), MOON.radius_m, str(tmp_path / "c.png"), 1)
    assert [text.get_text()[-3:] for text in charts[0].axes.texts] == [" km"]


@pytest.mark.parametrize("lacking", ["no positive pixel", "no tile"])
def test_nothing_to_draw(mapped, lacking):
    run = mapped()
    if lacking == "no tile":
        write_rasters([], run.table("stitched", "a"))
    for image in (picture(run), charted(run)):
        assert len(coloured(image, "polygons")[0]) == len(coloured(image, "lines")[0]) == 0
        assert (image[30, 30] == 100).all()


def test_large_scenes_are_shrunk(mapped, monkeypatch):
    monkeypatch.setattr(picture_size, "LARGEST_PX", 100)
    image = picture(mapped((40, 50, 160, 70)))[-60:, :100]
    rows, cols = coloured(image, "polygons")
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == pytest.approx((25, 35, 20, 80), abs=2)
    assert (image[[0, -1, 0], [0, 0, -1]] == 100).all()


def test_only_rings_that_come_near_are_on_a_picture():
    grid = Lattice().grid(Window(0, 0, 50, 50))
    degrees = 100 / (MOON.radius_m * np.pi / 180)
    boxes = [shapely.box(10, -20, 20, -10), shapely.box(40, -20, 90, -10), shapely.box(300, -20, 310, -10)]
    shapes = np.array([shapely.transform(box, lambda xy: xy * degrees) for box in boxes])
    rings = picture_outlines(shapes, grid, MOON.radius_m)
    assert [ring.min(axis=0).round(6).tolist() for ring in rings] == [[10, 10], [40, 10]]
    assert picture_outlines(shapes[2:], grid, MOON.radius_m) == picture_outlines(shapes[:0], grid, MOON.radius_m) == []


def test_the_chart_shows_all_scenes_and_shapes(mapped):
    """Two scenes of 200 x 120 px together: eight picture pixels each."""
    image = charted(mapped((40, 50, 160, 70), cut=pieces(200, 120, [80])))
    assert image.shape == (960, 1600, 3)
    rows, cols = coloured(image, "polygons")
    assert (rows.min(), rows.max(), cols.min(), cols.max()) == pytest.approx((400, 560, 320, 1280), abs=6)
    assert (image[100, [100, 1500]] == 100).all()


def test_a_picture_counts_its_scenes_at_the_coarsest_scale(tmp_path):
    run = MaskRun(tmp_path)
    for gsd_m, side in ((100.0, 40), (200.0, 20)):
        run.lattice = Lattice(gsd_m=gsd_m)
        run.write("scaled", {"": np.full((side, side), 9, np.uint8)}, pieces(side, side, [side // 2]))
    run_picture = RunPicture.of(run.tables("scaled"))
    frame = run_picture.frame
    assert run_picture.scenes == 2
    assert (frame.west, frame.south, frame.east, frame.north) == (0, -4000, 4000, 0)
    assert frame.size_px == (1600, 1600)
    run_picture.save("made up", tmp_path / "p.png")
    assert Image.open(tmp_path / "p.png").size == (1600, 1600 + HEADING_PX)


def test_very_many_outlines_are_drawn_as_their_density(mapped, monkeypatch, tmp_path):
    """Where the grooves lie the picture is coloured, denser ones brighter; elsewhere it is the scene's grey."""
    run = mapped((10, 20, 50, 24), (10, 30, 50, 34), (10, 40, 50, 44), (150, 80, 190, 84), cut=pieces(200, 120, [80]))
    headings = []
    monkeypatch.setattr(charting.RunPicture, "save", lambda self, heading, out: headings.append((self, heading)))
    monkeypatch.setattr(density_picture, "CELL_PX", 400)
    monkeypatch.setattr(charting, "MOST_OUTLINES", 7)
    overview_map(manifest(run), run.tables("scaled"), MOON.radius_m, str(tmp_path / "c.png"))
    ((chart, heading),) = headings
    density = chart.axes.images[-1].get_array()
    shape, cell_km2 = density.shape, (20_000 / 4) * (12_000 / 2) / 1e6
    assert shape == (2, 4)
    assert density.mask.tolist() == [[True, True, True, False], [False, True, True, True]]  # rows from the south on
    lines = geopandas.read_parquet(run.folder / "map" / "lines.parquet")
    west = lines["length_m"][lines["lat"] > lines["lat"].min()].sum() / 1000
    assert float(density[1, 0]) ** 2 * 1000 == pytest.approx(west / cell_km2, rel=0.01)
    assert f"up to {west / cell_km2:.2g}" in heading
    assert "4 polygons and 4 lines in 2 scenes; colours: density of lines" in heading


def test_density_of_polygons_without_lines(mapped, monkeypatch, tmp_path):
    """A pixel alone has no line; its share of the only cell is its area."""
    run = mapped((10, 20, 11, 21))
    headings = []
    monkeypatch.setattr(charting.RunPicture, "save", lambda self, heading, out: headings.append(heading))
    monkeypatch.setattr(density_picture, "CELL_PX", 2000)
    monkeypatch.setattr(charting, "MOST_OUTLINES", 0)
    overview_map(manifest(run), run.tables("scaled"), MOON.radius_m, str(tmp_path / "c.png"))
    assert headings == [f"1 polygons and 0 lines in 1 scene; colours: density of polygons, up to {1 / 24_000:.3g}"]
