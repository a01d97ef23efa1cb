"""Sets of images in .npz files, written as folders: made up."""

import numpy as np
import pandas as pd
import pytest
import rasterio

from orbitile.__main__ import main
from orbitile.base.errors import OrbitileError
from orbitile.rasters.read import opened_raster, overlooked_alpha, read_window
from orbitile.space.grids import Window
from orbitile.tables.array_sets import ArrayNames, unpack_arrays
from orbitile.tables.scenes import SceneOrigin, read_scene_origins, read_scene_table

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (3, 6, 5)).astype(np.uint8)
MASKS = RNG.integers(0, 2, (3, 6, 5)).astype(np.uint8)


@pytest.fixture
def unpacked(tmp_path):
    """Saves arrays and unpacks them."""

    def run(images="X", masks=None, places=None, prefix=None, folder="set", **arrays):
        np.savez(tmp_path / "set.npz", **arrays)
        count = unpack_arrays(tmp_path / "set.npz", ArrayNames(images, masks, places), tmp_path / folder, prefix)
        return count, tmp_path / folder

    return run


def read(path):
    with rasterio.open(path) as source:
        return source.read()


def test_images_masks_and_places(unpacked):
    count, folder = unpacked(masks="Y", places="of", X=GREY, Y=MASKS, of=np.array(["A", "A", "b 1"]))
    assert count == 3
    table = pd.read_csv(folder / "scenes.csv")
    assert table["scene"].tolist() == ["X_0001", "X_0002", "X_0003"]
    for number, path in enumerate(table["path"]):
        assert np.array_equal(read(folder / path)[0], GREY[number])
        assert np.array_equal(read(folder / path.replace("images/", "masks/"))[0], MASKS[number])
    assert read_scene_table(folder / "scenes.csv")["path"].tolist() == [str(folder / path) for path in table["path"]]
    assert read_scene_origins(folder / "scenes.csv")["X_0003"] == SceneOrigin("b_1")
    assert sorted(path.name for path in folder.parent.iterdir()) == ["set", "set.npz"]


@pytest.mark.parametrize(
    ("images", "suffix"),
    [
        (GREY, "png"), (GREY[..., None], "png"), (np.stack([GREY] * 3, axis=-1), "png"), (GREY.astype("uint16"), "png"),
        (np.stack([GREY, MASKS], axis=-1), "tif"), (GREY.astype("float32") / 255, "tif"),
    ],
)  # fmt: skip
def test_values_stay(unpacked, images, suffix):
    _, folder = unpacked(X=images, prefix="crop")
    expected = images[..., None] if images.ndim == 3 else images
    for number in range(3):
        pixels = read(folder / "images" / f"crop_000{number + 1}.{suffix}")
        assert pixels.dtype == images.dtype
        assert np.array_equal(np.moveaxis(pixels, 0, -1), expected[number])
    assert not (folder / "masks").exists()


def test_a_fourth_channel_is_data_and_no_alpha(unpacked):
    """GDAL takes the last of four bytes for an alpha band: of every pixel where it is 0, all channels were lost."""
    pixels = RNG.integers(0, 2, (1, 6, 5, 4)).astype(np.uint8)
    _, folder = unpacked(X=pixels)
    with opened_raster(str(folder / "images" / "X_0001.tif")) as source:
        values, valid = read_window(source, Window(0, 0, 5, 6), range(1, 5))
        assert overlooked_alpha(source) is None
        assert "alpha" not in [meaning.name for meaning in source.colorinterp]
    assert valid.all()
    assert np.array_equal(values, np.moveaxis(pixels[0], -1, 0))


@pytest.mark.parametrize(
    "masks", [MASKS.astype(bool), MASKS[..., None], MASKS.astype("float64"), MASKS.astype("int64")]
)
def test_masks_of_other_kinds(unpacked, masks):
    _, folder = unpacked(masks="Y", X=GREY, Y=masks)
    assert np.array_equal(read(folder / "masks" / "X_0002.png")[0], MASKS[1])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (dict(X=GREY, images="Z"), "has no array Z; it has X"),
        (dict(X=GREY[0]), r"X: of shape \(6, 5\); images are"),
        (dict(X=np.zeros((2, 3, 64, 64), np.uint8)), r"shape \(2, 3, 64, 64\), whose channels seem to come before"),
        (dict(X=np.zeros((2, 3, 99, 99), np.uint8)), r"the last axis: numpy\.moveaxis\(images, 1, -1\)"),
        (dict(X=GREY.astype("complex64")), "X: of type complex64"),
        (dict(X=GREY, Y=MASKS[:2], masks="Y"), r"Y: of shape \(2, 6, 5\); masks of these images are \(3, 6, 5\)"),
        (dict(X=GREY, Y=MASKS * 0.5, masks="Y"), "Y: holds other values than masks have"),
        (dict(X=GREY, Y=MASKS.astype("int16") * 300, masks="Y"), "Y: holds other values than masks have"),
        (dict(X=GREY, Y=MASKS.astype(str), masks="Y"), "Y: holds other values than masks have"),
        (dict(X=GREY, of=np.array(["a"]), places="of"), r"of: of shape \(1,\)"),
        (dict(X=GREY, of=np.array(["a b", "a_b", "c"]), places="of"), "two places would get the same name"),
        (dict(X=GREY, of=np.array([0.5, 1, 2]), places="of"), "places are 3 texts or whole numbers"),
        (dict(X=np.array([GREY, None], object)), "X: cannot be read as plain numbers"),
        (dict(X=GREY, prefix="a/b"), "--prefix: a/b; allowed are"),
        (dict(X=GREY, folder=""), "is there already; name a folder to be made"),
    ],
)
def test_odd_sets_are_refused(unpacked, tmp_path, options, reason):
    with pytest.raises(OrbitileError, match=reason) as error:
        unpacked(**options)
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["set.npz"]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 damaged"])
def test_what_is_no_set_is_refused(tmp_path, content):
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(OrbitileError, match=r"set\.npz: not an \.npz file") as error:
        unpack_arrays(tmp_path / "set.npz", ArrayNames("X"), tmp_path / "set")
    assert "\n" not in str(error.value)


def test_a_single_array_and_a_missing_file(tmp_path):
    np.save(tmp_path / "single.npy", GREY)
    for name, reason in (("single.npy", "holds a single array"), ("gone.npz", "there is no such file")):
        with pytest.raises(OrbitileError, match=reason):
            unpack_arrays(tmp_path / name, ArrayNames("X"), tmp_path / "set")


def test_after_an_error_nothing_is_left(unpacked, tmp_path, monkeypatch):
    monkeypatch.setattr("orbitile.tables.array_sets.sync_file_system", lambda folder: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        unpacked(X=GREY)
    assert [path.name for path in tmp_path.iterdir()] == ["set.npz"]


def test_the_command(tmp_path, monkeypatch, capsys):
    np.savez(tmp_path / "set.npz", X=GREY, Y=MASKS)
    command = ["orbitile", "unpack", str(tmp_path / "set.npz"), str(tmp_path / "set"), "--images", "X", "--masks", "Y"]
    monkeypatch.setattr("sys.argv", command)
    assert main() == 0
    assert capsys.readouterr().out.startswith("3 images in ")
    assert main() == 1
    assert capsys.readouterr().err.count("\n") == 1
