"""Classes that exclude each other, from made-up probabilities to rasters, areas and polygons."""

import shutil
import subprocess
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from mask_runs import EXCLUSIVE, MOON, Lattice, MaskRun, pieces
from PIL import Image
from scipy.ndimage import gaussian_filter

from orbitile.base.errors import OrbitileError
from orbitile.features.shapes.ground import areas_m2
from orbitile.inference.class_decision import ClassDecision, class_numbers
from orbitile.jobs.pieces import JobWork, StopError
from orbitile.pictures.class_colours import colour_table
from orbitile.space.grids import Window
from orbitile.stages import classify as classifying
from orbitile.stages.annotate_map import MapDrawing, annotate_map
from orbitile.stages.overview_map import overview_map
from orbitile.tables.class_rasters import read_class_rasters
from orbitile.tables.rasters import RasterTables

WIDTH, HEIGHT = 110, 70
NAMES = ["dune", "ridge", "plain"]
SEAM = dict(a=Window(0, 0, 56, HEIGHT), b=Window(55, 0, 55, HEIGHT))


def terrain(seed=1):
    """Probabilities of three classes that are nowhere sure, in patches; and where there are data."""
    random = np.random.default_rng(seed)
    noise = np.stack([gaussian_filter(random.normal(0, 1, (HEIGHT, WIDTH)), 3) for _ in range(4)])
    share = np.exp(40 * noise) / np.exp(40 * noise).sum(axis=0)
    rows, cols = np.mgrid[:HEIGHT, :WIDTH]
    layers = np.round(255 * share[1:]).astype(np.uint8)
    return dict(zip(NAMES, layers, strict=True)), np.hypot(rows - 20, cols - 47) > 8


LAYERS, VALID = terrain()
NUMBERS = class_numbers(np.stack(list(LAYERS.values())))


def lattice(latitude):
    """Pixels of 100 m near a latitude on a map that suits it."""
    if latitude == 85:
        return Lattice("IAU_2015:30130", 100.0, 100, -1516)  # 5 degrees from the pole
    return Lattice("IAU_2015:30110", 100.0, 40, round(-np.radians(latitude) * MOON.radius_m / 100))


def classified(folder, cut=None, **options):
    return MaskRun(folder, **options).stitched(LAYERS, cut or pieces(WIDTH, HEIGHT), VALID)


def test_every_valid_pixel_is_of_one_class(tmp_path):
    (row,) = classified(tmp_path).classified()
    with rasterio.open(row.path) as source:
        pixels = source.read(1)
        assert (source.dtypes, source.nodata, source.descriptions) == (("uint8",), 255, ("class",))
        assert source.profile["tiled"]
    assert np.array_equal(pixels, np.where(VALID, NUMBERS, 255))
    assert row.classes == ["background", *NAMES]
    assert row.pixels == np.bincount(NUMBERS[VALID], minlength=4).tolist()
    assert min(row.pixels) > 50


def test_names_and_colours_stand_in_the_raster(tmp_path):
    (row,) = classified(tmp_path).classified()
    with rasterio.open(row.path) as source:
        colours = source.colormap(1)
        assert [source.tags()[f"class_{number}"] for number in range(4)] == row.classes
    assert {number: colours[number] for number in range(4)} == colour_table(3)
    names = ElementTree.parse(f"{row.path}.aux.xml").findall(".//CategoryNames/Category")
    assert [name.text for name in names] == row.classes


@pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="gdalinfo is not installed")
def test_gdal_knows_names_and_colours(tmp_path):
    (row,) = classified(tmp_path).classified()
    said = subprocess.run(["gdalinfo", row.path], capture_output=True, text=True, check=True).stdout
    for number, name in enumerate(row.classes):
        assert f"{number}: {name}" in said
    assert "Color Table (RGB with 256 entries)" in said
    assert "1: 204,102,119,255" in said
    assert "NoData Value=255" in said
    assert "LAYOUT=COG" in said


@pytest.mark.parametrize("latitude", [0, 60, 85])
def test_areas_of_classes_make_up_the_scene(tmp_path, latitude):
    """On the ground: those of the pixels, of the polygons, and of the outline of all valid pixels."""
    run = classified(tmp_path, lattice=lattice(latitude))
    found = run.united(EXCLUSIVE)
    summary = pd.read_csv(run.folder / "map" / "summary.csv").set_index("class")
    valid_m2 = valid_area(run)
    assert summary["class_area_m2"].sum() == pytest.approx(valid_m2, rel=1e-3)
    assert summary["class_share"].sum() == pytest.approx(1)
    of_polygons = found.polygons.groupby("class")["area_m2"].sum()
    assert of_polygons.to_dict() == pytest.approx(summary.loc[NAMES, "class_area_m2"].to_dict(), rel=1e-3)
    assert summary.loc["background", "polygons"] == 0
    by_scene = pd.read_csv(run.folder / "map" / "class_areas.csv")
    assert by_scene["class"].tolist() == ["background", *NAMES]
    assert by_scene["area_m2"].sum() == pytest.approx(valid_m2, rel=1e-3)
    assert by_scene["share"].sum() == pytest.approx(1)


def valid_area(run):
    """The area of all valid pixels, mapped as of a single class."""
    layer = dict(all=np.full((HEIGHT, WIDTH), 255, np.uint8))
    whole = MaskRun(run.folder / "valid", run.lattice).stitched(layer, pieces(WIDTH, HEIGHT), VALID)
    return whole.united().polygons["area_m2"].sum()


@pytest.mark.parametrize("latitude", [0, 60, 85])
@pytest.mark.parametrize("cut", [pieces(WIDTH, HEIGHT, [41]), SEAM], ids=["cut", "seam"])
def test_polygons_leave_no_gap_and_do_not_overlap(tmp_path, latitude, cut):
    found = classified(tmp_path, cut, lattice=lattice(latitude)).united(EXCLUSIVE)
    shapes = found.polygons.geometry.to_numpy()
    united = shapely.union_all(shapes)
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    apart = one < other
    overlaps = shapely.intersection(shapes[one[apart]], shapes[other[apart]])
    assert len(overlaps) > 5
    assert shapely.area(overlaps).max() == 0
    assert united.area == pytest.approx(shapely.area(shapes).sum(), rel=1e-12)
    holes = [ring for part in shapely.get_parts(united) for ring in part.interiors]
    pixel = shapely.area(shapes).sum() / sum(round(area / 1e4) for area in found.polygons["area_m2"])
    assert all(shapely.Polygon(ring).area > 0.1 * pixel for ring in holes)


@pytest.mark.parametrize("cut", [pieces(WIDTH, HEIGHT, [41], [30]), SEAM], ids=["four", "seam"])
def test_cut_scenes_have_the_map_of_the_uncut_one(tmp_path, cut):
    runs = [classified(tmp_path / name, windows) for name, windows in (("uncut", None), ("cut", cut))]
    uncut, parts = (run.united(EXCLUSIVE) for run in runs)
    columns = [name for name in uncut.polygons if name not in ("scene", "scenes")]
    assert uncut.polygons[columns].to_wkb().equals(parts.polygons[columns].to_wkb())
    areas = [pd.read_csv(run.folder / "map" / "summary.csv")["class_area_m2"].tolist() for run in runs]
    assert areas[0] == pytest.approx(areas[1], rel=1e-12)
    for row in read_rows(runs[1]):
        window = cut[row.scene]
        area = np.s_[window.row : window.row + window.height, window.col : window.col + window.width]
        with rasterio.open(row.path) as source:
            assert np.array_equal(source.read(1), np.where(VALID, NUMBERS, 255)[area])
        assert sum(row.pixels) == VALID[area].sum()


TIDY = ClassDecision(smoothing_px=1.2, smallest_region_px=(9, 6, 12, 3))


@pytest.mark.parametrize("cut", [pieces(WIDTH, HEIGHT, [41], [30]), SEAM], ids=["four", "seam"])
def test_smoothed_maps_without_small_regions_are_the_same_cut_or_not(tmp_path, cut):
    runs = [classified(tmp_path / name, windows) for name, windows in (("uncut", None), ("cut", cut))]
    uncut, parts = (run.united(EXCLUSIVE, decision=TIDY) for run in runs)
    columns = [name for name in uncut.polygons if name not in ("scene", "scenes")]
    assert uncut.polygons[columns].to_wkb().equals(parts.polygons[columns].to_wkb())
    expected = TIDY.numbers(np.stack(list(LAYERS.values())), VALID)
    assert (expected != NUMBERS)[VALID].mean() > 0.01
    for row in read_rows(runs[1]):
        window = cut[row.scene]
        area = np.s_[window.row : window.row + window.height, window.col : window.col + window.width]
        with rasterio.open(row.path) as source:
            assert np.array_equal(source.read(1), np.where(VALID, expected, 255)[area])


def test_the_smallest_region_of_a_class_by_its_name(tmp_path):
    run = classified(tmp_path)
    settings = classifying.ClassifySettings.of(MOON, None, NAMES, 0.0, {"ridge": 12})
    assert settings.decision_for(["background", *NAMES]).smallest_region_px == (0, 0, 12, 0)
    settings = classifying.ClassifySettings.of(MOON, None, NAMES, 0.0, {"rigde": 12})
    tables = RasterTables(run.table("stitched", "a"))
    with pytest.raises(
        OrbitileError, match="smallest_region_px: the network has no class rigde; it has background, du"
    ):
        classifying.classify(tables, settings, str(tmp_path / "c"), str(tmp_path / "c.parquet"), JobWork())


def read_rows(run):
    return [row for path in run.tables("classified") for row in read_class_rasters(path)]


def test_a_stopped_job_goes_on_to_the_same_rasters(tmp_path, monkeypatch):
    """Stopped after the first of two scenes of a group; the first is not made again."""
    whole = {row.scene: row for row in classified(tmp_path / "w", SEAM).classified()}
    run = classified(tmp_path / "s", SEAM)
    both = [row for group in run.groups for row in classifying_rows(run, group)]
    work, made = JobWork(), []
    write = classifying.ClassifiedScene.write

    def stopping(scene, path):
        write(scene, path)
        made.append(scene.raster.scene)
        work.is_stopping = True

    with monkeypatch.context() as patched:
        patched.setattr(classifying.ClassifiedScene, "write", stopping)
        with pytest.raises(StopError):
            classify_all(run, both, work)
        classify_all(run, both, work := JobWork())
    assert made == ["a", "b"]
    for row in read_class_rasters(run.table("classified", "all")):
        assert (row.pixels, row.area_m2) == (whole[row.scene].pixels, whole[row.scene].area_m2)
        with rasterio.open(row.path) as source, rasterio.open(whole[row.scene].path) as expected:
            assert np.array_equal(source.read(), expected.read())


def classifying_rows(run, group):
    from orbitile.tables.rasters import read_rasters

    return read_rasters(run.table("stitched", group))


def classify_all(run, rows, work):
    from orbitile.tables.rasters import write_rasters

    write_rasters(rows, run.table("stitched", "all"))
    settings = classifying.ClassifySettings(ClassDecision(), MOON.radius_m)
    tables = RasterTables(run.table("stitched", "all"))
    classifying.classify(tables, settings, str(run.folder / "classes"), run.table("classified", "all"), work)


def test_a_network_without_background(tmp_path):
    """Where roundings leave the background most, it still is no class."""
    layers = dict(a=np.full((20, 20), 0, np.uint8), b=np.full((20, 20), 1, np.uint8))
    run = MaskRun(tmp_path).stitched(layers, pieces(20, 20))
    (row,) = run.classified(ClassDecision(with_background=False))
    assert row.pixels == [0, 0, 400]
    (row,) = run.classified()
    assert row.pixels == [400, 0, 0]


def test_too_many_classes(tmp_path):
    layers = {f"c{number}": np.zeros((4, 4), np.uint8) for number in range(255)}
    with pytest.raises(OrbitileError, match="argmax maps at most 254 classes, but the network has 255"):
        MaskRun(tmp_path).stitched(layers, pieces(4, 4)).classified()


def test_no_scene_at_all(tmp_path):
    from orbitile.tables.rasters import write_rasters

    run = classified(tmp_path)
    write_rasters([], run.table("stitched", "a"))
    found = run.united(EXCLUSIVE)
    assert (len(found.polygons), found.proof["classes"], found.proof["decision"]) == (0, [], "argmax")


def test_the_manifest_names_the_classes(tmp_path):
    found = classified(tmp_path).united(EXCLUSIVE)
    assert found.proof["classes"] == ["background", *NAMES]
    assert "background" not in set(found.polygons["class"])
    assert areas_m2(np.zeros(0, object), 1.0).size == 0


def test_pictures_have_the_colours_of_the_classes(tmp_path):
    run = classified(tmp_path)
    run.united(EXCLUSIVE)
    manifest = str(run.folder / "map" / "polygons.json")
    overview_map(manifest, run.tables("scaled"), MOON.radius_m, str(tmp_path / "map.png"))
    tables = MapDrawing(run.table("scaled", "a"), run.table("stitched", "a"), manifest, run.table("classified", "a"))
    annotate_map(tables, MOON.radius_m, str(tmp_path / "g.json"), JobWork())
    for name in ("map.png", "a.png"):
        image = np.array(Image.open(tmp_path / name).convert("RGB")).astype(int)
        for number, colour in list(colour_table(3).items())[1:]:
            assert (np.abs(image - colour[:3]).max(axis=2) < 40).sum() > 10, number
