"""The map does not depend on how a mosaic is cut into scenes, from its pixels to the last bit of polygons and lines.

The images are made up, and so is the network: it says how bright the surroundings of each pixel are.
"""

import numpy as np
import pandas as pd
import pytest
import shapely
from mask_runs import EXCLUSIVE, Brightness, Lattice, MaskRun, pieces
from scipy.ndimage import gaussian_filter

from orbitile.detections.tiling import TileSize
from orbitile.rasters.read import opened_raster, read_window
from orbitile.space.grids import Window
from orbitile.stages.infer import infer
from orbitile.stages.outline import OutlineSettings
from orbitile.tables.class_rasters import read_class_rasters
from orbitile.tables.rasters import read_rasters

WIDTH, HEIGHT = 150, 120
SIZE = TileSize(48, 16, blended=True)
TRACING = OutlineSettings(0.5, 8.0, 3.0)
LATTICE = Lattice(gsd_m=118.45, col=1234, row=-777)
"""Neither its pixels nor its place are whole numbers of metres."""


def image():
    """Grey noise with a bright bent groove from the left to the right, a ring, and a branch; and where it has data."""
    rows, cols = np.mgrid[:HEIGHT, :WIDTH]
    noise = gaussian_filter(np.random.default_rng(3).normal(0, 1, (HEIGHT, WIDTH)), 2)
    middle = 60 + 25 * np.sin(cols / 20)
    bright = np.abs(rows - middle) < 5
    bright |= np.abs(np.hypot(rows - 30, cols - 110) - 18) < 4
    bright |= (np.abs(cols - 74) < 4) & (rows > 20)
    pixels = np.clip(70 + 60 * noise / np.abs(noise).max() + 120 * bright, 0, 255).astype(np.uint8)
    return pixels, np.hypot(rows - 90, cols - 20) > 9


PIXELS, VALID = image()


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """Maps the image, cut into scenes, with the made-up network."""

    def run(cut):
        found = MaskRun(tmp_path_factory.mktemp("cut"), LATTICE, reach_px=SIZE.tile_px)
        found.write("scaled", {"": PIXELS}, cut, VALID)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("orbitile.stages.infer.load_network", lambda choice: Brightness())
            found.searched(SIZE, infer)
        return found, found.united(TRACING)

    return run


def put_together(run, cut, stage="stitched", read=read_rasters):
    """The rasters of a stage put together: pixels of the first band, and where they have data."""
    whole, known = np.zeros((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH), bool)
    for path in run.tables(stage):
        for row in read(path):
            window = cut[row.scene]
            where = window.slices_within(Window(0, 0, WIDTH, HEIGHT))
            with opened_raster(row.path) as source:
                whole[where], known[where] = read_window(source, Window(0, 0, row.width, row.height))
    return whole, known


TWO = pieces(WIDTH, HEIGHT, [77])


@pytest.fixture(scope="module")
def two(mapped):
    return mapped(TWO)


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(pieces(WIDTH, HEIGHT, [], [59]), id="one above the other"),
        pytest.param(pieces(WIDTH, HEIGHT, [75], [61]), id="four"),
        pytest.param(pieces(WIDTH, HEIGHT, [3, 149]), id="narrow ones"),
        pytest.param(pieces(WIDTH, HEIGHT, [77], names="ba"), id="in another order"),
        pytest.param(dict(a=Window(0, 0, 90, HEIGHT), b=Window(89, 0, 61, HEIGHT)), id="with a seam"),
    ],
)
def test_another_cut_gives_the_same_map(mapped, two, cut):
    run, found = mapped(cut)
    before, expected = two
    for one, other in zip(put_together(run, cut), put_together(before, TWO), strict=True):
        assert np.array_equal(one, other)
    assert len(expected.polygons) > 2
    assert len(expected.lines) > 4
    assert found.rows == expected.rows


@pytest.fixture(scope="module")
def exclusive(two):
    """The map of two scenes with classes that exclude each other, its class raster, and the areas of the classes."""
    run, _ = two
    united = run.united(EXCLUSIVE)
    return united, put_together(run, TWO, "classified", read_class_rasters), summary(run)


def summary(run):
    table = pd.read_csv(run.folder / "map" / "summary.csv").set_index("class")
    return table[["class_area_m2", "class_share"]]


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(pieces(WIDTH, HEIGHT, [75], [61]), id="four"),
        pytest.param(dict(a=Window(0, 0, 90, HEIGHT), b=Window(89, 0, 61, HEIGHT)), id="with a seam"),
    ],
)
def test_another_cut_gives_the_same_classes(mapped, exclusive, cut):
    run, _ = mapped(cut)
    found, (expected, pixels, areas) = run.united(EXCLUSIVE), exclusive
    for one, other in zip(put_together(run, cut, "classified", read_class_rasters), pixels, strict=True):
        assert np.array_equal(one, other)
    assert found.rows == expected.rows
    assert len(found.lines) == 0
    assert summary(run).to_numpy() == pytest.approx(areas.to_numpy(), rel=1e-12)


def test_the_same_again_has_the_same_hash(two):
    run, before = two
    assert run.united(TRACING).proof["sha256"] == before.proof["sha256"]
    assert run.united(TRACING, min_area_m2=1e7).proof["sha256"] != before.proof["sha256"]
    run.united(TRACING)


def test_what_crosses_a_border_is_one(two):
    """The groove, the ring and the branch hang together."""
    _, found = two
    bright = found.polygons[found.polygons["class"] == "bright"]
    largest = bright.loc[bright["area_m2"].idxmax()]
    assert largest["scenes"] == 2
    west, _, east, _ = largest.geometry.bounds
    metres = np.radians(east - west) * 1_737_400
    assert metres == pytest.approx((WIDTH - 4) * 118.45, rel=0.05)
    assert len(found.lines[found.lines["feature"] == largest["feature"]]) > 3


def test_nodata_is_in_no_polygon_and_on_no_line(two):
    _, found = two
    grid = LATTICE.grid(Window(0, 0, WIDTH, HEIGHT))
    rows, cols = np.nonzero(~VALID)
    lon, lat = (np.degrees(place / 1_737_400) for place in grid.to_map(cols + 0.5, rows + 0.5))
    for table in (found.polygons, found.lines):
        assert not shapely.intersects_xy(table.geometry.union_all(), lon, lat).any()
