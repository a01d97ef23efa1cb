"""Made-up folders of images that are empty files: only their names count."""

import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbitile.base.errors import OrbitileError
from orbitile.base.names import is_plain_name
from orbitile.tables.image_folders import images_of_folder, masks_of_folder, scene_name, scenes_version
from orbitile.tables.scenes import COLUMNS, read_scene_table


@pytest.fixture
def folder(tmp_path):
    """Makes a folder of empty files."""

    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("MC11E-A", "MC11E-A"),
        ("0.5_a", "0.5_a"),
        ("-140_-27_png.rf.a0", "image-140_-27_png.rf.a0"),
        ("140_-27_png.rf.a0", "140_-27_png.rf.a0"),
        ("Tycho 1 (b)", "Tycho_1__b_"),
        ("a..b", "a._b"),
        ("é", "image_"),
    ],
)
def test_names(stem, name):
    assert scene_name(stem) == name


@given(st.text(min_size=1, max_size=300))
def test_every_name_is_plain_and_stays_so(stem):
    name = scene_name(stem)
    assert is_plain_name(name)
    assert scene_name(name) == name


def test_long_names_stay_apart():
    first, second = scene_name("a" * 200), scene_name("a" * 201)
    assert first != second
    assert len(first) == len(second) == 128


def test_images_alone_become_scenes(folder, caplog):
    path = folder("b.PNG", "a.tif", ".hidden.png", "a.txt", "notes.md", "a.png.aux.xml", "deeper/c.png")
    with caplog.at_level(logging.INFO):
        images = images_of_folder(path)
    assert images == {"a": path / "a.tif", "b": path / "b.PNG"}
    assert "2 images; 3 other files left out: a.png.aux.xml, a.txt, notes.md" in caplog.text


def test_a_folder_is_a_scene_table(folder):
    path = folder("images/b.png", "images/a.jpg") / "images"
    table = read_scene_table(path)
    assert table.columns.tolist() == COLUMNS
    assert table[["scene", "path"]].to_numpy().tolist() == [["a", f"{path}/a.jpg"], ["b", f"{path}/b.png"]]
    assert all(value is None for name in COLUMNS[2:] for value in table[name])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a.png", "a.tif"), "a.png and a.tif would both be the scene a; rename one"),
        (("a b.png", "a_b.png"), "a b.png and a_b.png would both be the scene a_b; rename one"),
        (("A.png", "a.png"), "A.png and a.png would both be the scene a; rename one"),
        (("a.txt",), "holds no image (.tif, "),
        (("images/a.png",), "it has the folders images: name the one with the images"),
    ],
)
def test_refusals(folder, names, message):
    with pytest.raises(OrbitileError, match=re.escape(message)):
        read_scene_table(folder(*names))


def test_another_image_is_another_version(folder):
    before = scenes_version(folder("a.png"))
    assert scenes_version(folder("a.txt")) == before
    assert scenes_version(folder("b.png")) != before
    with pytest.raises(OrbitileError, match="there is no scene table and no folder of images at"):
        scenes_version(folder() / "gone")


def test_masks_are_named_as_their_scenes(folder):
    path = folder("b 1.png", "a.TIF", "a.txt", "a.tif.aux.xml", ".c.png", "deeper/d.png", "e.jpg")
    assert {name: mask.name for name, mask in masks_of_folder(path).items()} == {"a": "a.TIF", "b_1": "b 1.png"}


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("a.jpg",), "holds no mask"),
        (("train/a.png",), "it has the folders train: name the one with the masks"),
        (("a.png", "a.tif"), r"a\.png and a\.tif are both masks of the scene a"),
    ],
)
def test_folders_without_masks_or_with_two_of_a_scene(folder, names, reason):
    with pytest.raises(OrbitileError, match=reason):
        masks_of_folder(folder(*names))
