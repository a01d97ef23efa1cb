"""Made-up labels of two made-up images, in every format: the same boxes come back."""

import json
import re

import numpy as np
import pytest

from orbitile.base.errors import OrbitileError
from orbitile.tables.box_labels import holds_box_labels, read_box_labels

SIZES = {"a": (100, 50), "image-2": (200, 200)}
TRUE = [("a", 20.0, 10.0, 10.0), ("a", 50.0, 25.0, 6.0), ("image-2", 100.0, 100.0, 40.0)]
"""Scene, column, row and diameter."""


def voc(*boxes, size=""):
    rows = [
        f"<object><name>crater</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
        f"</bndbox>{'' if count is None else f'<confidence>{count}</confidence>'}</object>"
        for x0, y0, x1, y1, count in boxes
    ]
    return f"<annotation>{size}{''.join(rows)}</annotation>"


def coco(annotations, images=None, categories=()):
    images = images or [dict(id=1, file_name="x/a.png", width=100, height=50), dict(id=2, file_name="-2.png")]
    return json.dumps(dict(images=images, annotations=annotations, categories=list(categories)))


COCO_BOXES = [
    dict(image_id=1, bbox=[15, 5, 10, 10], category_id=3),
    dict(image_id=1, bbox=[47, 22, 6, 6], category_id=3),
    dict(image_id=2, bbox=[80, 80, 40, 40], category_id=3),
]
FORMATS = {
    "yolo": {"a.txt": "0 0.2 0.2 0.1 0.2\n\n0 0.5 0.5 0.06 0.12\n", "-2.txt": "0 0.5 0.5 0.2 0.2\n"},
    "polygons": {"a.txt": "0 .15 .1 .25 .1 .25 .3 .15 .3\n0 0.5 0.5 0.06 0.12", "-2.txt": "0 0.5 0.5 0.2 0.2"},
    "labels in a folder": {"labels/a.txt": "0 .2 .2 .1 .2\n0 .5 .5 .06 .12", "labels/-2.txt": "0 .5 .5 .2 .2"},
    "voc": {
        "a.xml": voc((15, 5, 25, 15, None), (47, 22, 53, 28, None)),
        "-2.xml": voc((80, 80, 120, 120, None)),
    },
    "tables": {"a.csv": "xmin,ymin,xmax,ymax\n15,5,25,15\n47,22,53,28\n", "-2.csv": "x,y,w,h\n80,80,40,40\n"},
    "tables as .txt": {
        "a.txt": "ID\tX\tY\tW\tH\n1\t15\t5\t10\t10\n2\t47\t22\t6\t6\n",
        "-2.txt": "cx,cy,w,h\n100,100,40,40",
    },
    "names of scenes": {"a.csv": "x1,y1,x2,y2\n15,5,25,15\n47,22,53,28\n", "image-2.csv": "x,y,w,h\n80,80,40,40\n"},
    "single table": {"all.csv": "image,left,top,width,height\na.png,15,5,10,10\na,47,22,6,6\nb/-2.jpg,80,80,40,40\n"},
    "coco": {"all.json": coco(COCO_BOXES)},
}  # fmt: skip


@pytest.fixture
def written(tmp_path):
    """Writes made-up files of labels; the path of the folder, or of the only file that is called all."""

    def write(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        only = [tmp_path / name for name in files if name.startswith("all.")]
        return only[0] if only else tmp_path

    return write


@pytest.mark.parametrize("name", FORMATS)
def test_formats(written, name):
    path = written(FORMATS[name])
    assert holds_box_labels(path)
    labels = read_box_labels(path, SIZES)
    rows = sorted(zip(labels.scene, labels.col, labels.row, labels.diameter_px, strict=True))
    assert [row[0] for row in rows] == [row[0] for row in TRUE]
    expected = [row[1:] for row in TRUE]
    assert [tuple(map(float, row[1:])) for row in rows] == [pytest.approx(row, abs=1e-9) for row in expected]
    assert labels.agreement is None
    assert labels.warnings == []


def test_diameter_is_the_mean_of_the_sides_in_pixels(written):
    labels = read_box_labels(written({"a.txt": "0 0.5 0.5 0.1 0.1"}), {"a": (100, 50)})
    assert (labels.col, labels.row, labels.diameter_px) == (50, 25, 7.5)


@pytest.mark.parametrize("degrees", [0, 10, 45, 80, 90, 200])
def test_turned_boxes_are_as_large_as_they_are_upright(written, degrees):
    """Corners of an oriented box of 20 x 16 px: the box around them is up to 41 % larger."""
    turn = np.exp(1j * np.radians(degrees))
    corners = 50 + 25j + turn * np.array([-10 - 8j, 10 - 8j, 10 + 8j, -10 + 8j])
    shares = " ".join(f"{corner.real / 100:.6f} {corner.imag / 50:.6f}" for corner in corners)
    labels = read_box_labels(written({"a.txt": f"0 {shares}"}), {"a": (100, 50)})
    assert [labels.col[0], labels.row[0], labels.diameter_px[0]] == pytest.approx([50, 25, 18], abs=1e-3)


@pytest.mark.parametrize(("corners", "sides"), [("0 0 .2 0 .1 .2", 15), (".1 0 .2 .3 .1 .4 0 .1", 20)])
def test_other_polygons_have_the_box_around_them(written, corners, sides):
    labels = read_box_labels(written({"a.txt": f"0 {corners}"}), {"a": (100, 50)})
    assert labels.diameter_px == pytest.approx(sides)


def test_agreement_is_the_share_of_the_largest_count_of_all(written):
    path = written({"a.xml": voc((1, 1, 5, 5, 2), (10, 10, 20, 20, 3)), "-2.xml": voc((1, 1, 9, 9, 6))})
    assert read_box_labels(path, SIZES).agreement.tolist() == pytest.approx([1.0, 1 / 3, 0.5])
    only_a = read_box_labels(path, {"a": (100, 50)}, is_whole_run=False)
    assert only_a.agreement.tolist() == pytest.approx([1 / 3, 0.5])
    assert only_a.warnings == []


@pytest.mark.parametrize(("column", "shares"), [("agreement", [0.25, 0.5]), ("annotators", [0.5, 1.0])])
def test_agreement_of_tables(written, column, shares):
    path = written({"a.csv": f"x,y,w,h,{column}\n1,1,5,5,0.25\n11,11,5,5,0.5\n"})
    assert read_box_labels(path, {"a": (100, 50)}).agreement.tolist() == shares


def test_empty_files_and_images_without_are_without_craters(written):
    labels = read_box_labels(written({"a.txt": ""}), SIZES)
    assert len(labels.scene) == 0
    assert labels.warnings == [
        "images without labels, which count as images without craters: 1 of 2 (image-2); leave out of the run those "
        "that nobody has labelled"
    ]


def test_warnings(written):
    boxes = ["0 .5 .5 .1 .1", "0 .5 .5 .1 .1", "1 .2 .2 0 .1", "2 .99 .5 .2 .2"]
    path = written({"a.txt": "\n".join(boxes), "b.txt": "", "data.yaml": "names: [crater, ring, cone]\n", "-2.txt": ""})
    labels = read_box_labels(path, SIZES)
    assert len(labels.scene) == 2
    assert [line.replace(f"{path}/", "") for line in labels.warnings] == [
        "labels of no image of this run: 1 (b.txt)",
        "boxes that stand there twice and count once: 1 (a.txt: line 2)",
        "boxes that have no size and are left out: 1 (a.txt: line 3)",
        "boxes that reach over the border of their image: 1 (a.txt: line 4)",
        "boxes of 2 classes, cone (1), crater (1), are all taken for craters",
    ]


def test_few_boxes_outside_are_left_out_but_many_are_refused(written):
    inside = "".join(f"{n},1,5,5\n" for n in range(30))
    labels = read_box_labels(written({"a.csv": f"x,y,w,h\n{inside}5,900,5,5\n"}), {"a": (100, 50)})
    assert len(labels.scene) == 30
    assert "boxes that lie outside their image and are left out: 1 (" in labels.warnings[0]
    message = "line 3: the box at column 5, row 900 lies outside its image of 100 x 50 px, as do 1 of its 2 boxes"
    with pytest.raises(OrbitileError, match=message):
        read_box_labels(written({"a.csv": "x,y,w,h\n1,1,5,5\n5,900,5,5\n"}), {"a": (100, 50)})


def test_crowds_do_not_count(written):
    path = written({"all.json": coco([COCO_BOXES[0], COCO_BOXES[1] | dict(iscrowd=1)])})
    assert read_box_labels(path, SIZES).scene.tolist() == ["a"]


SIZE = "<size><width>90</width><height>50</height></size>"
REFUSED = [
    ({"a.txt": "0 0.5 0.5 0.1"}, "a.txt: line 1: has 4 fields; YOLO's labels have class, centre x and y"),
    ({"a.txt": "0 .5 .5 .1 .1\n0 .5 .5 .1 .1 .9"}, "a.txt: line 2: has 6 fields"),
    ({"a.txt": "0 0.5 x 0.1 0.1"}, "a.txt: line 1: x is not a number"),
    ({"a.txt": "0 0.5 nan 0.1 0.1"}, "a.txt: line 1: nan is not a number"),
    ({"a.txt": "0.5 0.5 0.5 0.1 0.1"}, "a.txt: line 1: class 0.5 is no whole number"),
    ({"a.txt": "0 50 25 7 7"}, "a.txt: line 1: 50 is no share of the image, 0..1; boxes in pixels need a first line"),
    ({"a.csv": "x,y,w\n1,2,3\n"}, "a.csv: no columns of boxes (xmin, ymin, xmax, ymax or x, y, w, h or similar)"),
    ({"a.csv": "x,y,w,h\n1,2,x,4\n"}, "a.csv: line 2: column w is 'x', not a number"),
    ({"a.csv": "xmin,ymin,xmax,ymax\n9,9,5,5\n"}, "a.csv: line 2: sides of -4 x -4 px; are corners swapped?"),
    ({"a.csv": "x,y,w,h,agreement\n1,1,5,5,2\n"}, "a.csv: line 2: column agreement is '2'; it is a share"),
    ({"a.csv": "x,y,w,h,annotators\n1,1,5,5,-2\n"}, "a.csv: line 2: column annotators is '-2'; it is the number"),
    ({"a.csv": "x,y,w,h\n1,1,5,5\n", "a.tsv": ""}, "a.csv and a.tsv are both labels of a; remove one"),
    ({"a.csv": "x,y,w,h\n", "a.txt": ""}, "holds labels of several formats, a.csv (a table), a.txt (YOLO)"),
    ({"a.md": ""}, "holds no labels (.xml, .json, .txt, .csv, .tsv, .tab)"),
    ({"b.txt": "", "c.txt": ""}, "labels b.txt, c.txt, but the scenes of this run are a, image-2; labels have the"),
    ({"a.xml": "<annotation>"}, "a.xml: is not well-formed XML"),
    ({"a.xml": "<Product_Observational/>"}, "a.xml: is no Pascal VOC: it begins with <Product_Observational>"),
    ({"a.xml": voc(size=SIZE)}, "a.xml: labels an image of 90 x 50 px, but the scene's has 100 x 50 px"),
    ({"a.xml": voc(("1", "2", "x", "4", None))}, "a.xml: object 1: xmax: x is not a number"),
    ({"a.xml": "<annotation><object/></annotation>"}, "a.xml: object 1: has no bndbox"),
    ({"a.xml": voc((1, 1, 5, 5, 2), (2, 2, 6, 6, None))}, "a.xml: object 2: has no number of annotators"),
    ({"a.xml": voc((1, 1, 5, 5, 0))}, "a.xml: object 1: number of annotators (<confidence>) is 0; it is above 0"),
    ({"all.json": coco([dict(image_id=9, bbox=[1, 2, 3, 4])])}, "all.json: annotations[0]: image_id 9 is the id of no"),
    ({"all.json": coco([dict(image_id=1, bbox=[1, 2])])}, "all.json: annotations[0]: has no bbox of four numbers"),
    ({"all.json": coco([dict(image_id=1, bbox=[1, 2, True, 4])])}, "all.json: annotations[0]: bbox: True is not a"),
    ({"all.json": coco([], [dict(id=1)])}, "all.json: images[0]: has no id or no file_name"),
    ({"all.json": coco([], [dict(id=1, file_name="a", width=9, height=9)])}, "labels an image of 9 x 9 px"),
    ({"all.json": coco([], [dict(id=1, file_name="a"), dict(id=1, file_name="b")])}, "images[1]: has the id or the"),
    ({"all.json": coco([], [dict(id=1, file_name="a"), dict(id=2, file_name="x/a.jpg")])}, "images[1]: has the id or"),
    ({"all.csv": "x,y,w,h\n1,2,3,4\n"}, "all.csv: has no column scene, image or filename"),
    ({"all.csv": "image,x,y,w,h\n,2,3,4,5\n"}, "all.csv: line 2: column image is empty; name the image"),
]


@pytest.mark.parametrize(("files", "message"), REFUSED)
def test_refusals_name_file_and_place(written, files, message):
    with pytest.raises(OrbitileError, match=re.escape(message)):
        read_box_labels(written(files), SIZES)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("craters.csv", "lon,lat,diam_km,x,y,w,h\n1,2,3,4,5,6,7\n"),
        ("craters.csv", "scene,col_px,row_px,diameter_px,width,height\na,1,2,3,4,5\n"),
        ("craters.json", '{"type": "FeatureCollection", "features": []}'),
        ("craters.gpkg", ""),
    ],
)
def test_tables_of_craters_are_no_boxes(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert not holds_box_labels(tmp_path / name)


def test_a_box_is_read_alike_in_any_order_of_files(written):
    first = read_box_labels(written(FORMATS["yolo"]), SIZES)
    second = read_box_labels(written(dict(reversed(FORMATS["yolo"].items()))), dict(reversed(SIZES.items())))
    assert np.array_equal(first.col, second.col)
    assert first.scene.tolist() == second.scene.tolist()
