"""Images with further bands: pixels against those of plain arrays, spots at their places, and what is refused."""

import subprocess
import sys

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from orbitile.base.errors import OrbitileError
from orbitile.features.modalities.point_band import BELOW, NOT_MEASURED, REACHED, PointBand
from orbitile.features.modalities.raster_band import RasterBand
from orbitile.planning.stacked_scenes import Stacking, stack_scenes
from orbitile.space.bodies import find_body
from orbitile.tables.scenes import read_scene_table

MOON = find_body("Moon")
CRS = rasterio.crs.CRS.from_proj4("+proj=eqc +R=1737400 +units=m")
GSD_M = 100.0


def write_raster(path, pixels, left_px=0, top_px=0, gsd_m=GSD_M, crs=CRS, nodata=None):
    """Bands (n, rows, columns) on the lattice of a map, from a column and a row of its own pixels on."""
    bands, height, width = pixels.shape
    profile = dict(driver="GTiff", count=bands, height=height, width=width, dtype=pixels.dtype, nodata=nodata)
    if crs is not None:
        profile |= dict(crs=crs, transform=from_origin(left_px * gsd_m, -top_px * gsd_m, gsd_m, gsd_m))
    with rasterio.open(path, "w", **profile) as sink:
        sink.write(pixels)
    return path


@pytest.fixture
def image(tmp_path):
    pixels = np.random.default_rng(0).integers(1, 255, (1, 60, 90), np.uint8)
    return write_raster(tmp_path / "A.tif", pixels)


def stacked(tmp_path, scenes, modalities, **options):
    """The scene table, and the opened images by scene: pixels (bands, rows, columns), and where they are valid."""
    table = tmp_path / "scenes.csv"
    table.write_text("scene,path\n" + "".join(f"{name},{path}\n" for name, path in scenes.items()))
    out = stack_scenes(table, Stacking(MOON, modalities, **options), tmp_path / "out")
    entries = read_scene_table(out)
    images = {}
    for scene, path in zip(entries["scene"], entries["path"], strict=True):
        with rasterio.open(path) as source:
            images[scene] = source.read(), source.read_masks(1) > 0, source.descriptions
    return images


def test_a_raster_on_the_same_lattice_comes_pixel_by_pixel(tmp_path, image):
    """Also where it begins elsewhere and has nodata: there the image is not valid either."""
    heights = np.random.default_rng(1).normal(0, 900, (1, 80, 80)).astype(np.float32)
    heights[0, 40, 50] = -9999
    elevation = write_raster(tmp_path / "dem.tif", heights, left_px=-10, top_px=-5, nodata=-9999)
    ((pixels, valid, names),) = stacked(tmp_path, dict(A=image), [RasterBand("elevation", elevation)]).values()
    assert names == ("image", "elevation")
    with rasterio.open(image) as source:
        grey = source.read(1)
    expected = np.zeros((60, 90), bool)
    expected[:60, :70] = True  # the elevation ends there
    expected[35, 40] = False
    assert (valid == expected).all()
    assert (pixels[0][valid] == grey[valid]).all()
    np.testing.assert_array_equal(pixels[1][valid], heights[0, 5:65, 10:80][expected[:60, :70]])


def test_places_and_splits_of_scenes_are_kept(tmp_path, image):
    """A training deals the stacked scenes out as it would the plain ones."""
    (tmp_path / "scenes.csv").write_text(f"scene,path,place,split\nA,{image},north,train\nB,{image},south,\n")
    elevation = RasterBand("elevation", write_raster(tmp_path / "dem.tif", np.ones((1, 60, 90), np.float32)))
    table = read_scene_table(stack_scenes(tmp_path / "scenes.csv", Stacking(MOON, [elevation]), tmp_path / "out"))
    assert table["place"].tolist() == ["north", "south"]
    assert table["split"].tolist() == ["train", None]


def test_a_coarser_raster_is_interpolated_and_a_finer_one_averaged(tmp_path, image):
    """A plane of heights stays a plane; blocks of 4 x 4 finer pixels become their means."""
    columns, rows = np.meshgrid(np.arange(40), np.arange(40))
    plane = write_raster(tmp_path / "plane.tif", (3.0 * columns - 2.0 * rows)[None].astype(np.float32), -4, -4, 400.0)
    fine = np.random.default_rng(2).normal(size=(1, 240, 360)).astype(np.float32)
    finer = write_raster(tmp_path / "fine.tif", fine, gsd_m=25.0)
    modalities = [RasterBand("plane", plane), RasterBand("fine", finer)]
    ((pixels, valid, _),) = stacked(tmp_path, dict(A=image), modalities).values()
    assert valid.all()
    col, row = np.meshgrid(np.arange(90) + 0.5, np.arange(60) + 0.5)
    np.testing.assert_allclose(pixels[1], 3 * (col / 4 + 3.5) - 2 * (row / 4 + 3.5), atol=1e-3)
    np.testing.assert_allclose(pixels[2], fine[0].reshape(60, 4, 90, 4).mean(axis=(1, 3)), atol=1e-6)


def test_spots_become_discs_of_two_levels(tmp_path, image):
    """White where the limit is reached, black where not, grey elsewhere; a spot off the image changes nothing."""
    places = [(1050, -2050), (4050, -1050), (900_000, 0)]
    frame = geopandas.GeoDataFrame(dict(CaO=[12.5, 3.0, 50.0]), geometry=[shapely.Point(p) for p in places], crs=CRS)
    frame.to_file(tmp_path / "spots.gpkg")
    band = PointBand("calcium", tmp_path / "spots.gpkg", "CaO", limit=10, radius_px=2.5)
    ((pixels, valid, names),) = stacked(tmp_path, dict(A=image), [band]).values()
    assert valid.all()
    assert names == ("image", "calcium")
    expected = np.full((60, 90), NOT_MEASURED, np.uint8)
    col, row = np.meshgrid(np.arange(90) + 0.5, np.arange(60) + 0.5)
    for (x, y), level in zip(places[:2], [REACHED, BELOW], strict=True):
        expected[np.hypot(col - x / GSD_M, row + y / GSD_M) < 2.45] = level
    assert (pixels[1] == expected).all()


def test_images_without_a_map_take_images_of_their_names_and_size(tmp_path):
    """A folder holds one for each scene."""
    pixels = np.arange(48 * 48, dtype=np.uint16).reshape(1, 48, 48)
    scene = write_raster(tmp_path / "t1.png", (pixels % 251).astype(np.uint8), crs=None)
    (tmp_path / "thermal").mkdir()
    write_raster(tmp_path / "thermal" / "t1.tif", pixels, crs=None)
    ((both, _, _),) = stacked(tmp_path, dict(t1=scene), [RasterBand("thermal", tmp_path / "thermal")]).values()
    assert (both[1] == pixels[0]).all()
    write_raster(tmp_path / "thermal" / "t1.tif", pixels[:, :40], crs=None)
    with pytest.raises(OrbitileError, match="48 x 40 px, the image of scene t1 48 x 48"):
        stacked(tmp_path, dict(t1=scene), [RasterBand("thermal", tmp_path / "thermal")])


def test_what_covers_too_little_is_refused_and_the_others_are_written(tmp_path, image):
    """No file of the scene is left, and the table has the others."""
    far = write_raster(tmp_path / "B.tif", np.full((1, 60, 90), 7, np.uint8), left_px=5000)
    elevation = write_raster(tmp_path / "dem.tif", np.ones((1, 60, 50), np.float32))
    with pytest.raises(OrbitileError, match=r"B.tif: elevation cover 0.0% .* at least 50% .*1 of 2 scenes are in"):
        stacked(tmp_path, dict(A=image, B=far), [RasterBand("elevation", elevation)])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["A.tif", "scenes.csv"]
    assert read_scene_table(tmp_path / "out" / "scenes.csv")["scene"].tolist() == ["A"]


@pytest.mark.parametrize(
    ("points", "fault"),
    [
        ("calcium=spots.gpkg:MgO:10", "has no column MgO; it has CaO"),
        ("calcium=spots.gpkg:CaO:ten", "give NAME=FILE:COLUMN:LIMIT"),
        ("calcium=lines.gpkg:CaO:10", "the feature in row 1 is no point"),
        ("calcium=holes.gpkg:CaO:10", "the feature in row 2 has no number in the column CaO"),
        ("calcium=missing.gpkg:CaO:10", "missing.gpkg"),
    ],
)
def test_wrong_spots_get_a_line_and_exit_status_1(tmp_path, image, points, fault):
    """Of the command, as a user types it."""
    spots = [shapely.Point(1050, -2050), shapely.Point(50, -50)]
    line = [shapely.LineString([(0, 0), (1000, -1000)])] * 2
    for name, shapes, values in (("spots", spots, [1, 2]), ("lines", line, [1, 2]), ("holes", spots, [1, None])):
        geopandas.GeoDataFrame(dict(CaO=values), geometry=shapes, crs=CRS).to_file(tmp_path / f"{name}.gpkg")
    (tmp_path / "table.csv").write_text(f"scene,path\nA,{image}\n")
    command = [sys.executable, "-m", "orbitile", "stack", "table.csv", "out", "--body", "Moon", "--points", points]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1
    assert fault in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_maps_of_another_body_and_images_that_are_no_maps_yet_are_refused(tmp_path, image):
    """Before anything is written."""
    mars = rasterio.crs.CRS.from_proj4("+proj=eqc +R=3396190 +units=m")
    other = write_raster(tmp_path / "mars.tif", np.ones((1, 9, 9), np.float32), crs=mars)
    with pytest.raises(OrbitileError, match=r"mars.tif: is no map of Moon"):
        stacked(tmp_path, dict(A=image), [RasterBand("elevation", other)])
    with pytest.raises(OrbitileError, match="no band is named"):
        Stacking(MOON, [])
    table = tmp_path / "raw.csv"
    table.write_text(f"scene,path,kernels\nA,{image},kernels.tm\n")
    elevation = write_raster(tmp_path / "dem.tif", np.ones((1, 60, 90), np.float32))
    with pytest.raises(OrbitileError, match="scene A: names its kernels, so its image is no map yet"):
        stack_scenes(table, Stacking(MOON, [RasterBand("elevation", elevation)]), tmp_path / "out")
