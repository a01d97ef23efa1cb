import json
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from small_catalogues import write_small_catalogue

from orbitile.base.errors import OrbitileError
from orbitile.detections.matching import MatchCriteria
from orbitile.jobs.pieces import JobWork
from orbitile.pictures.picture_size import LARGEST_PX
from orbitile.pictures.scene_picture import HEADING_PX, ScenePicture
from orbitile.stages import annotate
from orbitile.stages.annotate import COLOURS, DrawnCraters, annotate_craters
from orbitile.tables.craters import CraterTable
from orbitile.tables.rasters import write_rasters

MOON_M = 1737400.0
DEGREE_M = MOON_M * np.pi / 180
CRITERIA = MatchCriteria(0.3, 1000, MOON_M)
GREY = np.tile(np.arange(200, dtype=np.uint8), (100, 1))
ENLARGED = 5
"""Side in the picture of a pixel of a scene of 200 px."""


def draw(folder, drawing, unmapped_scenes=0, name="a"):
    """Draw what is in the folder's rasters; returns the pixels of a scene's picture."""
    rasters, pictures = str(folder / "rasters.parquet"), str(folder / "g.json")
    annotate_craters(rasters, drawing, CRITERIA, pictures, JobWork(), unmapped_scenes)
    return np.array(Image.open(folder / f"{name}.png").convert("RGB"))


@pytest.fixture
def drawn(tmp_path):
    """Draws craters (lon, lat, diameter in km) on rasters; returns the pixels of the picture of scene a."""

    def run(rasters, detected, truth=None, exclusions=()):
        write_rasters(rasters, tmp_path / "rasters.parquet")
        manifest = write_small_catalogue(tmp_path, detected, part_of=[number % 2 for number in range(len(detected))])
        Path(manifest).write_text(json.dumps(json.loads(Path(manifest).read_text()) | dict(exclusions=exclusions)))
        lines = ["lon,lat,diam_km", *(",".join(map(str, row)) for row in truth or [])]
        (tmp_path / "truth.csv").write_text("\n".join(lines))
        drawing = DrawnCraters(manifest, None if truth is None else CraterTable(str(tmp_path / "truth.csv")))
        return draw(tmp_path, drawing)

    return run


def places(image, kind):
    """Rows and columns of the scene, in its pixels, that have a colour in the picture."""
    colour = np.round(np.array(to_rgb(COLOURS[kind])) * 255)
    rows, columns = np.nonzero(np.abs(image[HEADING_PX:] - colour).max(axis=2) < 40)
    return rows / ENLARGED, columns / ENLARGED


def test_a_crater_is_drawn_in_its_place(raster, drawn):
    """The made-up scene is 20 km wide; the crater of 4 km lies at 10 km, 5 km."""
    image = drawn([raster(GREY)], [(10_000 / DEGREE_M, -5000 / DEGREE_M, 4)])
    rows, columns = places(image, "in the catalogue")
    assert image.shape == (100 * ENLARGED + HEADING_PX, 200 * ENLARGED, 3)
    assert (rows.min(), rows.max()) == pytest.approx((30, 70), abs=2)
    assert (columns.min(), columns.max()) == pytest.approx((80, 120), abs=2)
    assert image[HEADING_PX + 5 * ENLARGED :, 5 * ENLARGED : 20 * ENLARGED].std() > 0


def test_what_others_found_is_not_called_the_catalogues(raster, drawn, tmp_path):
    write_rasters([raster(GREY)], tmp_path / "rasters.parquet")
    (tmp_path / "theirs.csv").write_text("lon,lat,diam_km\n0.3,-0.2,4\n")
    drawing = DrawnCraters(CraterTable(str(tmp_path / "theirs.csv")))
    with patch.object(ScenePicture, "outline", autospec=True) as outline:
        draw(tmp_path, drawing)
    assert [call.args[1] for call in outline.call_args_list] == [annotate.TABLED]


def test_kinds_have_their_colours(raster, drawn):
    """One made-up crater is found, one is false, one is missed."""
    right, false, missed = ((k * 4000 / DEGREE_M, -5000 / DEGREE_M, 3) for k in (1, 2.5, 4))
    image = drawn([raster(GREY)], [right, false], [right, missed])
    centres = [places(image, kind)[1].mean() for kind in ("right", "false", "missed")]
    assert centres == pytest.approx([40, 100, 160], abs=3)


@pytest.mark.parametrize("detail", ["100 m/px, tile 3 (100 x 100 px from column 100, row 0)", "100 m/px"])
def test_craters_where_tiles_failed_are_not_missed(raster, drawn, detail):
    """The missed one lies at 16 km, of 20; what was found beside it stays."""
    right, false, missed = ((k * 4000 / DEGREE_M, -5000 / DEGREE_M, 3) for k in (1, 3, 4))
    other_scene = dict(scene="b", detail="100 m/px", reason="broken")
    for exclusions, count in (([other_scene], 3), ([other_scene, dict(scene="a", detail=detail, reason="broken")], 2)):
        image = drawn([raster(GREY)], [right, false], [right, missed], exclusions)
        assert sum(len(places(image, kind)[0]) > 0 for kind in ("right", "false", "missed")) == count
        assert (len(places(image, "missed")[0]) > 0) == (count == 3)


def test_craters_off_the_data_are_not_missed(raster, drawn):
    """The scene of 20 km has no data beyond 12 km; one of two that nothing found lies there."""
    on_data, beyond = ((k * 1000 / DEGREE_M, -5000 / DEGREE_M, 3) for k in (4, 16))
    pixels = np.maximum(GREY, 1)
    pixels[:, 120:] = 0
    image = drawn([raster(pixels, nodata=0)], [], [on_data, beyond])
    columns = places(image, "missed")[1]
    assert (columns.min(), columns.max()) == pytest.approx((25, 55), abs=3)


def test_without_craters_the_scene_is_there(raster, drawn):
    image = drawn([raster(GREY)], [(90, 0, 5)])
    assert len(places(image, "in the catalogue")[0]) == 0
    assert image[HEADING_PX:].std() > 10


def test_each_scene_has_its_picture(raster, drawn, tmp_path):
    """The second lies west of the first, the crater in the first alone; both stand in the list."""
    image = drawn([raster(GREY), raster(GREY[:50], "b", left=-20_000.0)], [(10_000 / DEGREE_M, -5000 / DEGREE_M, 4)])
    other = np.array(Image.open(tmp_path / "b.png").convert("RGB"))
    assert [part.shape[0] - HEADING_PX for part in (image, other)] == [100 * ENLARGED, 50 * ENLARGED]
    assert [len(places(picture, "in the catalogue")[0]) > 0 for picture in (image, other)] == [True, False]
    pictures = json.loads((tmp_path / "g.json").read_text())
    assert pictures["files"] == [dict(path=name, bytes=(tmp_path / name).stat().st_size) for name in ("a.png", "b.png")]


def test_a_scene_that_fails_is_named_and_the_others_are_drawn(raster, drawn, tmp_path):
    rows = [raster(GREY, name, left=20_000.0 * number) for number, name in enumerate("abc")]
    Path(rows[1].path).write_bytes(b"no image")
    with pytest.raises(OrbitileError, match=r"1 of 3 pieces failed, the others are kept; first: scene b: .*b-100\.tif"):
        drawn(rows, [])
    assert [(tmp_path / f"{name}.png").is_file() for name in "abc"] == [True, False, True]
    assert not (tmp_path / "g.json").exists()


def test_only_pictures_that_would_change_are_drawn_again(raster, drawn, tmp_path):
    rows = [raster(GREY), raster(GREY, "b", left=20_000.0)]
    place = 30_000 / DEGREE_M, -5000 / DEGREE_M
    drawn(rows, [(*place, 4)])
    times = {name: (tmp_path / f"{name}.png").stat().st_mtime_ns for name in "ab"}
    drawn(rows, [(*place, 5)])
    assert [(tmp_path / f"{name}.png").stat().st_mtime_ns == times[name] for name in "ab"] == [True, False]


def test_a_group_whose_scenes_have_all_failed_has_no_pictures(tmp_path):
    write_rasters([], tmp_path / "rasters.parquet")
    drawing = DrawnCraters(write_small_catalogue(tmp_path, [(0, 0, 4)]))
    annotate_craters(str(tmp_path / "rasters.parquet"), drawing, CRITERIA, str(tmp_path / "g.json"), JobWork())
    assert json.loads((tmp_path / "g.json").read_text()) == dict(files=[])


@pytest.mark.parametrize("scales", [(100.0,), (100.0, 200.0)])
def test_large_scenes_are_shrunk(raster, drawn, scales):
    rows = [raster(np.ones((20, round(500_000 / scale)), np.uint8), scale_m=scale) for scale in scales]
    assert drawn(rows, []).shape[1] <= LARGEST_PX


def test_without_a_map_only_the_craters_of_the_scene_are_drawn(raster, tmp_path):
    write_rasters([raster(GREY, crs="IAU_2015:30110")], tmp_path / "rasters.parquet")
    x = [k * 4000 / DEGREE_M for k in (1, 4)]
    path, place = tmp_path / "craters.csv", -5000 / DEGREE_M
    path.write_text(f"scene,lon,lat,diam_km\na,{x[0]},{place},3\nb,{x[1]},{place},3\n")
    tables = DrawnCraters(CraterTable(str(path)))
    image = draw(tmp_path, tables, 2)
    assert places(image, "in the catalogue")[1].mean() == pytest.approx(40, abs=3)
    path.write_text(f"lon,lat,diam_km\n{x[0]},{place},3\n")
    with pytest.raises(OrbitileError, match=r"craters\.csv: has no column scene"):
        draw(tmp_path, tables, 2)


def test_without_a_map_craters_are_those_of_their_scene(raster, tmp_path):
    """Both scenes lie at one place; the true crater there is that of scene b."""
    write_rasters([raster(GREY, name, crs="IAU_2015:30110") for name in "ab"], tmp_path / "rasters.parquet")
    craters = [(k * 4000 / DEGREE_M, -5000 / DEGREE_M, 3) for k in (1, 4)]
    (tmp_path / "truth.csv").write_text("scene,lon,lat,diam_km\nb,{},{},{}\n".format(*craters[0]))
    manifest = write_small_catalogue(tmp_path, [*craters, craters[0]], ["a", "b", "b"])
    first = draw(tmp_path, DrawnCraters(manifest, CraterTable(str(tmp_path / "truth.csv"))), 2)
    second = np.array(Image.open(tmp_path / "b.png").convert("RGB"))
    assert places(first, "false")[1].mean() == pytest.approx(40, abs=3)
    assert places(second, "false")[1].mean() == pytest.approx(160, abs=3)
    assert [len(places(image, "right")[0]) > 0 for image in (first, second)] == [False, True]


@pytest.mark.parametrize("left_deg", [0, 179.7, -180.3])
def test_what_is_read_around_a_scene_decides_as_the_whole_world_does(raster, drawn, tmp_path, left_deg):
    """Chains of rivals that begin in the scene and end outside; over 180 E too."""
    random = np.random.default_rng(3)
    row = raster(GREY, left=left_deg * DEGREE_M)
    lon = left_deg + random.uniform(-0.5, 1.2, 300)
    places = np.column_stack([(lon + 180) % 360 - 180, random.uniform(-0.8, 0.5, 300), random.uniform(1, 9, 300)])
    detected, truth = places[:150].tolist(), places[150:].tolist()
    image = drawn([row], detected, truth)
    (tmp_path / "all.csv").write_text("\n".join(["lon,lat,diam_km", *(",".join(map(str, row)) for row in detected)]))
    tables = DrawnCraters(CraterTable(str(tmp_path / "all.csv")), CraterTable(str(tmp_path / "truth.csv")))
    (tmp_path / "a.png").unlink()
    with patch.object(annotate, "LINKS", 1000):
        everything = draw(tmp_path, tables)
    assert np.abs(image.astype(int) - everything).max() <= 2


def test_rivals_outside_of_the_scene_have_a_say(raster, drawn):
    """The detected crater in the scene, 20 km wide, is false: the true one there is another's, which lies outside."""
    west, edge = -300 / DEGREE_M, -5000 / DEGREE_M
    image = drawn([raster(GREY)], [(300 / DEGREE_M, edge, 3), (west, edge, 3)], [(west, edge, 3)])
    assert len(places(image, "false")[0]) > 0
    assert len(places(image, "right")[0]) == 0
