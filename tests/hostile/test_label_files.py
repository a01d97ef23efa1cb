"""Odd files of labels: boxes that lie in their images, or a refusal in one line that names the file."""

import json
import os
from random import Random

import numpy as np
import pytest
from hostile.many_inputs import endings_of

from orbitile.base.errors import OrbitileError
from orbitile.planning.plan import current_plan
from orbitile.settings import Settings
from orbitile.tables.box_labels import holds_box_labels, read_box_labels
from orbitile.tables.image_folders import images_of_folder

SIZES = {"a": (100, 80)}
OBJECT = "<object><bndbox><xmin>10</xmin><ymin>20</ymin><xmax>30</xmax><ymax>44</ymax></bndbox></object>"
COCO = dict(images=[dict(id=1, file_name="a.png")], annotations=[dict(image_id=1, bbox=[10, 20, 20, 24])] * 2)
SOUND = {
    "a.txt": "0 0.2 0.4 0.2 0.3\n0 0.5 0.5 0.1 0.1\n" * 3,
    "a.xml": f"<annotation>{OBJECT * 3}</annotation>",
    "a.json": json.dumps(COCO),
    "a.csv": "ID,X,Y,W,H\n1,10,20,20,24\n2,50,60,8,8\n",
}
WORDS = (
    b"nan",
    b"-1",
    b"1e400",
    b"1e308",
    b"99",
    b"",
    b" ",
    b"\x00",
    b"\xff\xfe",
    b"<",
    b"]",
    b"{",
    b"\n",
    b",",
    b"0,5",
)


def damaged(random, content):
    """A text with a piece cut out, doubled, or replaced by a word that does not belong there."""
    first = random.randrange(len(content) + 1)
    last = min(len(content), first + random.randint(0, 3))
    piece = random.choice([b"", b"7", b"\n", content[first:last] * 2, random.choice(WORDS)])
    return content[:first] + piece + content[last:]


def check(random, folder):
    """How a damaged file of labels ends; an AssertionError for boxes or a refusal that are not right."""
    name, text = random.choice([*SOUND.items()])
    path = folder / name
    path.write_bytes(damaged(random, text.encode()))
    try:
        labels = read_box_labels(folder, SIZES)
    except OrbitileError as error:
        assert str(folder) in str(error)
        assert "\n" not in str(error)
        assert len(str(error)) < 1000
        return "refused"
    assert np.isfinite(np.concatenate([labels.col, labels.row, labels.diameter_px])).all()
    assert (labels.diameter_px > 0).all()
    return "accepted"


def test_at_random(tmp_path):
    endings = endings_of(check, tmp_path, "labels:", 400)
    assert min(endings.count("accepted"), endings.count("refused")) > 50


LAUGHS = '<!DOCTYPE annotation [<!ENTITY a "aaaaaaaaaa">]><annotation><size>&a;</size></annotation>'
OUTSIDE = '<!DOCTYPE annotation [<!ENTITY a SYSTEM "file:///etc/hostname">]><annotation>&a;</annotation>'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xml", LAUGHS.encode(), "has a DOCTYPE"),
        ("a.xml", LAUGHS.encode("utf-16"), "has a DOCTYPE"),
        ("a.xml", OUTSIDE.encode(), "has a DOCTYPE"),
        ("a.xml", b"\x89PNG\r\n", "is not well-formed XML"),
        ("a.xml", b"", "is not well-formed XML"),
        ("a.json", b"[" * 100_000, "is not readable JSON"),
        ("a.json", b'{"images": {}, "annotations": 5}', "is no COCO: its images are no list of objects"),
        ("a.json", b'{"images": [], "annotations": [5]}', "is no COCO: its annotations are no list of objects"),
        ("a.json", b'{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": [1]}]}', "image_id"),
        ("a.json", b"5", "is no COCO"),
        ("a.txt", "0 0.5 0.5 0.1 0.1".encode("utf-16"), "is no text in UTF-8"),
        ("a.txt", b"0 0.5 0.5 0.1 0.1\n" + b"\xff", "is no text in UTF-8"),
        ("a.txt", b"0 0.5 0.5 0.1 0.1 " * 50, "line 1: has 250 fields"),
        ("a.csv", b"X,Y,W,H,x\n1,2,3,4,5\n", "have the same name"),
        ("a.csv", b"X,Y,W,H\n1,2,3\n", "line 2 has 3 fields, but the header names 4 columns"),
    ],
)
def test_each(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(OrbitileError, match=message):
        read_box_labels(tmp_path, SIZES)


def test_deep_xml_ends(tmp_path):
    (tmp_path / "a.xml").write_text("<annotation>" + "<x>" * 50_000 + "</x>" * 50_000 + "</annotation>")
    try:
        assert len(read_box_labels(tmp_path, SIZES).col) == 0
    except OrbitileError as error:
        assert "is not well-formed XML" in str(error)


@pytest.mark.parametrize("name", SOUND)
def test_what_is_no_regular_file(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(OrbitileError, match="is a pipe, a device or a socket, where a file is expected"):
        read_box_labels(tmp_path, SIZES)
    if name != "a.xml":
        with pytest.raises(OrbitileError, match="is a pipe"):
            holds_box_labels(tmp_path / name)


def test_a_folder_of_strange_images(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "a\nb{c}.png").touch()
    assert list(images_of_folder(tmp_path)) == ["a_b_c_"]


def test_labels_beside_their_images(geotiff, tmp_path):
    """VOC's .xml beside an image is no label of PDS4, and no world file either."""
    geotiff(np.ones((80, 100), np.uint8), name="a.tif", crs=None)
    for name, text in SOUND.items():
        (tmp_path / name).write_text(text)
        settings = Settings(
            run="r", body="Mars", scenes=tmp_path, pixel_coordinates=True, evaluation=dict(truth=tmp_path),
            scales=[dict(gsd_m=6, tile_px=32, overlap_px=16)], model=dict(weights="any.safetensors", sha256="0" * 64),
        )  # fmt: skip
        assert current_plan(settings, tmp_path / "out" / "plan.parquet").names == ["a"]
        (tmp_path / name).unlink()


def test_the_same_seed_damages_alike():
    assert damaged(Random(1), b"0 0.2 0.4") == damaged(Random(1), b"0 0.2 0.4")
