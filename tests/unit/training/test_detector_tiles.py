import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from ultralytics.data import YOLODataset
from ultralytics.data.augment import Compose, RandomHSV
from ultralytics.data.utils import check_det_dataset

from orbitile.base.errors import OrbitileError
from orbitile.rasters.stretch import FILL
from orbitile.tables.craters import CraterTable
from orbitile.tables.rasters import read_rasters, write_rasters
from orbitile.training.brightness import use_band_brightness
from orbitile.training.detector_tiles import TileDrawing, draw_tiles, yolo_labels
from orbitile.training.split import SPLITS, split_of

MOON_M = 1737400.0
DEGREE_M = MOON_M * np.pi / 180
TILE_PX = 32
DRAWING = TileDrawing({1000.0: 12}, {1000.0: TILE_PX}, {1000.0: 3}, 0.6, 2.0, 0.4, seed=2)
lons, lats = st.floats(-180, 180), st.floats(-90, 90)


def drawing(**change):
    return dataclasses.replace(DRAWING, **change)


@given(lons, lats, st.floats(0.5, 90), st.integers(0, 9))
def test_a_place_has_one_split(lon, lat, block_deg, seed):
    split = split_of(np.array([lon, lon]), np.array([lat, lat]), drawing(block_deg=block_deg, seed=seed))
    assert split in SPLITS
    assert split_of(np.array([lon]), np.array([lat]), drawing(block_deg=block_deg, seed=seed)) == split


@given(st.integers(-6, 5), st.integers(-3, 2), st.floats(0, 29.99), st.floats(0, 29.99))
def test_a_square_has_one_split(column, row, east, north):
    lon, lat = np.array([30 * column, 30 * column + east]), np.array([30 * row, 30 * row + north])
    assert split_of(lon, lat, drawing(block_deg=30)) in SPLITS


@given(st.lists(st.tuples(lons, lats), min_size=1, max_size=9))
def test_tiles_of_two_splits_have_none(places):
    lon, lat = np.array(places).T
    each = {split_of(lon[[k]], lat[[k]], DRAWING) for k in range(len(lon))}
    assert split_of(lon, lat, DRAWING) == (each.pop() if len(each) == 1 else None)


@given(lons, lats)
def test_both_sides_of_the_antimeridian_are_one_place(lon, lat):
    assert split_of(np.array([180.0]), np.array([lat]), DRAWING) == split_of(
        np.array([-180.0]), np.array([lat]), DRAWING
    )


@pytest.mark.parametrize(("share", "expected"), [(0, {"train"}), (1, {"val"}), (0.5, {"train", "val"})])
def test_validation_share(share, expected):
    lon, lat = (part.ravel() for part in np.meshgrid(np.arange(-180, 180, 10.0), np.arange(-90, 90, 10.0)))
    chosen = drawing(validation_share=share, block_deg=10)
    assert {split_of(lon[[k]], lat[[k]], chosen) for k in range(len(lon))} == expected


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([10, 20, 30, 60], [[0.2, 0.4, 0.2, 0.4]]),
        ([0, 0, 100, 100], [[0.5, 0.5, 1, 1]]),
        ([-4, 10, 16, 20], [[0.08, 0.15, 0.16, 0.1]]),
        ([-10, 10, 10, 20], []),
        ([90, 90, 110, 110], []),
        ([95, 50, 105, 60], []),
        ([200, 200, 220, 220], []),
        ([-20, -20, -1, -1], []),
        ([10, 10, 14, 14], []),
        ([10, 10, 15, 15], [[0.125, 0.125, 0.05, 0.05]]),
    ],
)
def test_labels(box, expected):
    """In a tile of 100 px, craters of at least 5 px that are visible to at least 60 %."""
    assert yolo_labels(np.array([box], float), 100, 5, 0.6).tolist() == [pytest.approx(label) for label in expected]


def test_labels_keep_the_order_of_boxes():
    boxes = np.array([[50, 50, 70, 70], [0, 0, 1, 1], [10, 10, 30, 30]], float)
    assert yolo_labels(boxes, 100, 5, 0.6)[:, 0].tolist() == [0.6, 0.2]


@pytest.fixture
def ground(raster, tmp_path):
    """Writes a made-up dark scene of 200 km with bright craters of 8 px, and their table."""

    def make(size=200, nodata_columns=0, bands=0):
        """Of several bands, the last shows the craters; the number of a band is added to its pixels."""
        pixels = np.full((size, size), 50, np.uint8)
        row, col = np.mgrid[:size, :size] + 0.5
        rows = ["lon,lat,diam_m"]
        for y in range(20, size, 40):
            for x in range(20, size, 40):
                pixels[np.hypot(col - x, row - y) < 4] = 200
                rows.append(f"{x * 1000 / DEGREE_M},{-y * 1000 / DEGREE_M},8000")
        pixels[:, :nodata_columns] = 0
        if bands:
            pixels = np.stack([*(np.full_like(pixels, 50 + number) for number in range(1, bands)), pixels])
            pixels[-1][pixels[-1] > 0] += bands
        write_rasters([raster(pixels, scale_m=1000.0, nodata=0)], tmp_path / "rasters.parquet")
        (tmp_path / "craters.csv").write_text("\n".join(rows))
        return tmp_path

    return make


def drawn(folder, chosen=DRAWING):
    files = [str(folder / "rasters.parquet")], CraterTable(str(folder / "craters.csv"))
    draw_tiles(*files, chosen, MOON_M, str(folder / "tiles"), str(folder / "tiles.parquet"))
    return pd.read_parquet(folder / "tiles.parquet")


@pytest.mark.filterwarnings("ignore:loadtxt. input contained no data")
def test_labels_lie_on_the_craters_of_the_tiles(ground):
    folder = ground()
    table = drawn(folder)
    assert len(table) == 12
    assert table["craters"].sum() > 0
    for tile in table.itertuples():
        image = np.array(Image.open(folder / "tiles" / "images" / tile.split / f"{tile.tile}.png"))
        labels = np.loadtxt(folder / "tiles" / "labels" / tile.split / f"{tile.tile}.txt", ndmin=2).reshape(-1, 5)
        assert image.shape == (TILE_PX, TILE_PX)
        assert len(labels) == tile.craters
        assert all(image[int(y * TILE_PX), int(x * TILE_PX)] > 150 for _, x, y, *_ in labels)
        assert np.all(labels[:, 3:] <= 8.2 / TILE_PX)


def test_drawing_is_repeatable(ground):
    folder = ground()
    assert drawn(folder).equals(drawn(folder))
    assert not drawn(folder).equals(drawn(folder, drawing(seed=3)))


def test_no_tile_is_drawn_where_there_is_no_data(ground):
    table = drawn(ground(nodata_columns=100))
    assert (table["col"] >= 100 - TILE_PX / 2).all()


def test_scenes_smaller_than_a_tile_are_filled_up(ground):
    folder = ground(size=24)
    with pytest.raises(OrbitileError, match=r"no (train|val) tile could be drawn"):
        drawn(folder)
    (image,) = (folder / "tiles" / "images").rglob("*.png")
    assert (np.array(Image.open(image))[24:] == FILL).all()


def test_the_dataset_names_its_class(ground):
    folder = ground()
    drawn(folder)
    text = (folder / "tiles" / "dataset.yaml").read_text()
    assert "train: images/train\nval: images/val\nnames:\n  0: crater\n" in text


def learnt(folder, split="train"):
    """The tiles of a split as ultralytics reads them for its network: (bands, rows, columns), by their names."""
    data = check_det_dataset(str(folder / "tiles" / "dataset.yaml"))
    dataset = YOLODataset(data[split], imgsz=TILE_PX, data=data, augment=False)
    return {Path(tile["im_file"]).stem: tile["img"].numpy() for tile in (dataset[k] for k in range(len(dataset)))}


@pytest.mark.parametrize("bands", [2, 3, 4, 5])
def test_the_network_gets_all_bands_in_their_order(ground, bands):
    folder = ground(bands=bands)
    table = drawn(folder)
    images = learnt(folder)
    assert set(images) == set(table.loc[table["split"] == "train", "tile"])
    for tile in table[table["split"] == "train"].itertuples():
        image = images[tile.tile]
        assert image.shape == (bands, TILE_PX, TILE_PX)
        assert [image[k].min() for k in range(bands)] == [50 + number for number in range(1, bands + 1)]
        assert [image[k].max() for k in range(bands - 1)] == [50 + number for number in range(1, bands)]
        if tile.craters:
            assert image[bands - 1].max() == 200 + bands


def test_tiles_of_one_band_are_grey(ground):
    folder = ground()
    drawn(folder)
    text = (folder / "tiles" / "dataset.yaml").read_text()
    assert "channels" not in text
    paths = [path for path in (folder / "tiles" / "images").rglob("*") if path.is_file()]
    assert {path.suffix for path in paths} == {".png"}
    assert {Image.open(path).mode for path in paths} == {"L"}


def test_the_dataset_names_its_bands(ground):
    folder = ground(bands=2)
    with rasterio.open(next(folder.glob("*.tif")), "r+") as sink:
        sink.descriptions = ("red", None)
    drawn(folder)
    assert (folder / "tiles" / "dataset.yaml").read_text().endswith("channels: 2\nbands:\n- red\n- '2'\n")


def test_a_pixel_is_valid_where_all_bands_are(ground):
    """No tile is drawn in the left half, where the last band has no data."""
    table = drawn(ground(bands=2, nodata_columns=100))
    assert (table["col"] >= 100 - TILE_PX / 2).all()


def test_scenes_of_different_bands_are_refused(ground, raster):
    folder = ground(bands=3)
    rows = [*read_rasters(folder / "rasters.parquet"), raster(np.ones((40, 40), np.uint8), "b", scale_m=1000.0)]
    write_rasters(rows, folder / "rasters.parquet")
    with pytest.raises(OrbitileError, match=r"same number of bands, but b has 1, a has 3; name as many"):
        drawn(folder)


def test_tiles_of_an_earlier_drawing_are_not_learnt_from(ground):
    folder = ground()
    before = drawn(folder, drawing(seed=3))
    after = drawn(folder)
    assert set(before["tile"]) != set(after["tile"])
    assert {path.stem for path in (folder / "tiles" / "images").rglob("*.png")} == set(after["tile"])


@pytest.mark.parametrize("bands", [1, 2, 3, 5])
def test_all_bands_are_brightened_alike(bands):
    image = np.broadcast_to(np.array([40, 60, 80, 100, 120], np.uint8)[:bands], (4, 4, bands)).copy()
    steps = Compose([Compose([RandomHSV(0, 0, 0.5)])])
    use_band_brightness(steps)
    np.random.seed(0)
    factors = {round(float((steps(dict(img=image.copy()))["img"] / image).mean()), 1) for _ in range(30)}
    changed = steps(dict(img=image.copy()))["img"] / image
    assert changed.std() < 0.02
    assert (min(factors), max(factors)) == (pytest.approx(0.5, abs=0.15), pytest.approx(1.5, abs=0.15))


def test_without_a_map_tiles_learn_the_craters_of_their_scene(ground, raster):
    """The scene b holds no crater, but lies where those of a do; nothing tells their places apart."""
    folder = ground()
    rows = read_rasters(folder / "rasters.parquet")
    write_rasters([*rows, raster(np.full((200, 200), 50, np.uint8), "b", scale_m=1000.0)], folder / "rasters.parquet")
    header, *craters = (folder / "craters.csv").read_text().splitlines()
    inputs = [str(folder / "rasters.parquet")], CraterTable(str(folder / "craters.csv")), drawing(), MOON_M
    outputs = str(folder / "tiles"), str(folder / "tiles.parquet")
    with pytest.raises(OrbitileError, match=r"craters\.csv: has no column scene, but the 2 images"):
        draw_tiles(*inputs, *outputs, unmapped_scenes=2)
    text = "\n".join([header + ",scene", *(f"{line},{rows[0].scene}" for line in craters)])
    (folder / "craters.csv").write_text(text)
    draw_tiles(*inputs, *outputs, unmapped_scenes=2)
    labels = pd.read_parquet(folder / "tiles.parquet").groupby("scene")["craters"].sum()
    assert labels[rows[0].scene] > 0
    assert labels["b"] == 0
