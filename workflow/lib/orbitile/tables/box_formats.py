"""Files of labels as other programs write them: boxes of objects in images, in pixels of each image.

YOLO texts (https://docs.ultralytics.com/datasets/detect), Pascal VOC XML (Everingham et al. 2010, doi
10.1007/s11263-009-0275-4), COCO JSON (https://cocodataset.org/#format-data) and tables with columns of boxes.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.file_access import check_regular
from orbitile.base.messages import shortened
from orbitile.tables.box_columns import BOX_WANTED, find_box_columns, find_image_column
from orbitile.tables.column_names import listed_names
from orbitile.tables.crater_columns import has_places
from orbitile.tables.csv_text import ENCODINGS
from orbitile.tables.image_folders import scene_name
from orbitile.tables.user_tables import NUMBER, UserTable, read_user_table

ImageSizes = Mapping[str, tuple[int, int]]
"""Width and height in pixels of the images, by scene."""
SHARE_SLACK = 0.01
"""How far shares of an image may lie outside 0..1: programs round, and boxes may end beyond the border."""
FEWEST_NUMBERS, POLYGON_NUMBERS = 5, 7
"""Numbers in a line of YOLO: class and box, or class and at least three corners."""
RECTANGLE_SLACK = 0.05
"""How much farther from the middle one of four corners of a rectangle may be than another, as a share."""
LARGEST_BYTES = 1 << 30
HEAD_BYTES = 1 << 16
"""Bytes in which the first line of a table is looked for."""


class LabelledBox(NamedTuple):
    """A box of an image: where its label stands, the scene, the upper left corner and the sides in pixels.

    `class_name` is empty where there are no classes; `annotators` is the number that marked it, `agreement` their
    share (0..1), each None where not told.
    """

    place: str
    scene: str
    left: float
    top: float
    width: float
    height: float
    class_name: str = ""
    annotators: float | None = None
    agreement: float | None = None


def read_label_text(path: Path) -> str:
    """A regular text file in UTF-8; OrbitileError for anything else, or a file of more than a gigabyte."""
    check_regular(path)
    if path.stat().st_size > LARGEST_BYTES:
        raise OrbitileError(f"{path}: has more than {LARGEST_BYTES >> 30} GB; is it a file of labels?")
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OrbitileError(f"{path}: is no text in UTF-8 ({first_line(error)}); write it anew") from error


def yolo_boxes(path: Path, scene: str, size: tuple[int, int], names: Mapping[int, str]) -> Iterator[LabelledBox]:
    """The boxes of a text of YOLO: class, centre, width and height as shares of the image, or corners of a polygon.

    `size` is the image's width and height in pixels, `names` are those of classes. OrbitileError names the line that
    is none.
    """
    for number, line in enumerate(read_label_text(path).splitlines(), 1):
        if line.strip():
            place = f"{path}: line {number}"
            label, *numbers = _yolo_numbers(line.split(), place)
            if len(numbers) + 1 == FEWEST_NUMBERS:
                x, y, width, height = numbers
                left, top = x - width / 2, y - height / 2
                box = left * size[0], top * size[1], width * size[0], height * size[1]
            else:
                box = _box_of_corners(np.reshape(numbers, (-1, 2)) * size)
            name = names.get(int(label), f"class {int(label)}")
            yield LabelledBox(place, scene, *box, name)


def _box_of_corners(corners: np.ndarray) -> tuple[float, float, float, float]:
    """Left, top, width and height of the corners (n, 2; pixels) of a polygon, or of a turned box, which is turned back.

    The box around a turned one is up to 41 % larger than the circle in it.
    """
    low, high = corners.min(axis=0), corners.max(axis=0)
    distances = np.linalg.norm(corners - corners.mean(axis=0), axis=1)
    if len(corners) == 4 and np.ptp(distances) <= RECTANGLE_SLACK * distances.max():
        first, second, third = corners[:3]
        sides = np.array([math.dist(first, second), math.dist(second, third)])
        if abs(first - second).argmin() == 0:
            sides = sides[::-1]
        middle = corners.mean(axis=0)
        low, high = middle - sides / 2, middle + sides / 2
    return *low.tolist(), *(high - low).tolist()


def _yolo_numbers(fields: Sequence[str], place: str) -> list[float]:
    count = len(fields)
    if count != FEWEST_NUMBERS and (count < POLYGON_NUMBERS or count % 2 == 0):
        raise OrbitileError(
            f"{place}: has {count} fields; YOLO's labels have class, centre x and y, width and height, or class and "
            "corners, and tables begin with the names of their columns (xmin, ymin, xmax, ymax ...)"
        )
    numbers = [_number(field, place) for field in fields]
    if numbers[0] < 0 or numbers[0] != int(numbers[0]):
        raise OrbitileError(f"{place}: class {shortened(fields[0])} is no whole number from 0 on")
    for field, number in zip(fields[1:], numbers[1:], strict=True):
        if not -SHARE_SLACK <= number <= 1 + SHARE_SLACK:
            raise OrbitileError(
                f"{place}: {shortened(field)} is no share of the image, 0..1; boxes in pixels need a first line with "
                "the names of the columns"
            )
    return numbers


def voc_boxes(path: Path, scene: str, sizes: ImageSizes) -> Iterator[LabelledBox]:
    """The boxes of a file of Pascal VOC, with <confidence> as the number of annotators.

    OrbitileError for XML that is malformed, no annotation, or of an image of another size than in `sizes`.
    """
    root = _voc_root(path)
    _check_size(root.find("size"), sizes.get(scene), path)
    for number, labelled in enumerate(root.findall("object"), 1):
        place = f"{path}: object {number}"
        box = labelled.find("bndbox")
        if box is None:
            raise OrbitileError(f"{place}: has no bndbox")
        left, top, right, bottom = (_child_number(box, name, place) for name in ("xmin", "ymin", "xmax", "ymax"))
        count = None if labelled.find("confidence") is None else _child_number(labelled, "confidence", place)
        name = (labelled.findtext("name") or "").strip()
        yield LabelledBox(place, scene, left, top, right - left, bottom - top, name, count)


class _NoDefinitions(ElementTree.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("it has a DOCTYPE, which is not read")


def _voc_root(path: Path) -> Element:
    check_regular(path)
    try:
        root = ElementTree.fromstring(path.read_bytes(), ElementTree.XMLParser(target=_NoDefinitions()))
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError, OSError) as error:
        raise OrbitileError(f"{path}: is not well-formed XML ({first_line(error)}); write it anew") from error
    if root.tag != "annotation":
        raise OrbitileError(f"{path}: is no Pascal VOC: it begins with <{shortened(root.tag)}>, not <annotation>")
    return root


def _check_size(size: Element | None, expected: tuple[int, int] | None, path: Path) -> None:
    if size is None or expected is None:
        return
    width, height = (_child_number(size, name, f"{path}: size") for name in ("width", "height"))
    if (width, height) != expected and width and height:
        raise _other_size(str(path), (width, height), expected)


def _other_size(place: str, size: Sequence[float], expected: tuple[int, int]) -> OrbitileError:
    return OrbitileError(
        f"{place}: labels an image of {size[0]:g} x {size[1]:g} px, but the scene's has {expected[0]} x {expected[1]} "
        "px; give labels of the image as it is"
    )


def _child_number(element: Element, name: str, place: str) -> float:
    text = element.findtext(name)
    if text is None:
        raise OrbitileError(f"{place}: has no {name}")
    return _number(text.strip(), f"{place}: {name}")


def _number(text: object, place: str) -> float:
    is_text = isinstance(text, str) and NUMBER.fullmatch(text)
    is_number = isinstance(text, int | float) and not isinstance(text, bool)
    number = float(text) if is_text or (is_number and abs(text) < 1e300) else math.nan  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise OrbitileError(f"{place}: {shortened(text) or 'nothing'} is not a number")
    return number


def is_coco(path: Path) -> bool:
    """Whether a JSON file looks like COCO's, which GeoJSON never does."""
    content = _json(path) if path.stat().st_size <= LARGEST_BYTES else None
    return isinstance(content, dict) and "annotations" in content and "images" in content


def coco_boxes(path: Path, sizes: ImageSizes) -> tuple[list[LabelledBox], dict[str, str]]:
    """The boxes of COCO's JSON, without crowds, and the file names of its images by scene.

    OrbitileError names the annotation or image that is none, or that is of another size than in `sizes`.
    """
    content = _json(path)
    scenes: dict[int | str, str] = {}
    files: dict[str, str] = {}
    for place, image in _entries(content, "images", path):
        number, name = image.get("id"), image.get("file_name")
        if not isinstance(name, str) or not isinstance(number, int | str):
            raise OrbitileError(f"{place}: has no id or no file_name")
        scene = scene_of_label(name, sizes)
        if number in scenes or scene in files:
            raise OrbitileError(f"{place}: has the id or the file_name of an earlier image; remove one")
        _check_coco_size(image, sizes.get(scene), place)
        scenes[number], files[scene] = scene, name
    names = {entry.get("id"): str(entry.get("name", "")) for _, entry in _entries(content, "categories", path)
             if isinstance(entry.get("id"), int)}  # fmt: skip
    boxes = [
        _coco_box(place, entry, scenes, names)
        for place, entry in _entries(content, "annotations", path)
        if not entry.get("iscrowd")
    ]
    return boxes, files


def _check_coco_size(image: Mapping, expected: tuple[int, int] | None, place: str) -> None:
    if expected is not None and "width" in image and "height" in image:
        size = [_number(image[side], f"{place}: {side}") for side in ("width", "height")]
        if tuple(size) != expected:
            raise _other_size(place, size, expected)


def _coco_box(place: str, entry: Mapping, scenes: Mapping, names: Mapping) -> LabelledBox:
    image, box = entry.get("image_id"), entry.get("bbox")
    if not isinstance(image, int | str) or image not in scenes:
        raise OrbitileError(f"{place}: image_id {shortened(image)} is the id of no image")
    if not isinstance(box, list) or len(box) != 4:
        raise OrbitileError(f"{place}: has no bbox of four numbers")
    category = entry.get("category_id")
    name = names.get(category, f"class {category}") if isinstance(category, int) else ""
    left, top, width, height = (_number(value, f"{place}: bbox") for value in box)
    return LabelledBox(place, scenes[image], left, top, width, height, name)


def _entries(content: object, key: str, path: Path) -> list[tuple[str, dict]]:
    """The entries of a list in COCO's JSON, with their places; OrbitileError where it is no list of objects."""
    entries = content.get(key, []) if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise OrbitileError(f"{path}: is no COCO: its {key} are no list of objects")
    return [(f"{path}: {key}[{number}]", entry) for number, entry in enumerate(entries)]


def _json(path: Path) -> object:
    try:
        return json.loads(read_label_text(path))
    except (ValueError, RecursionError) as error:
        raise OrbitileError(f"{path}: is not readable JSON ({first_line(error)}); write it anew") from error


def scene_of_label(name: str, scenes: Mapping[str, object]) -> str:
    """The scene that a label names, by the scene's name or by that of its image, with or without suffix and folder."""
    if name in scenes:
        return name
    file = re.split(r"[/\\]", name)[-1]
    whole = scene_name(file)
    return whole if whole in scenes else scene_name(Path(file).stem)


def table_boxes(path: Path, scene: str | None, scenes: Mapping[str, object]) -> list[LabelledBox]:
    """The boxes of a table, of a `scene`, or of those that its column scene, image or filename names.

    OrbitileError names the columns that are missing, or the row that is none.
    """
    table = read_user_table(path, BOX_WANTED)
    layout = find_box_columns(table.header)
    if layout is None:
        raise OrbitileError(
            f"{path}: no columns of boxes (xmin, ymin, xmax, ymax or x, y, w, h or similar); it has "
            f"{listed_names(table.header)}"
        )
    left, top, width, height = layout.corner_and_sides(table.numeric(layout.names))
    owners = [scene] * len(table) if scene is not None else _named_scenes(table, scenes)
    classes = table.texts("class") if "class" in table.columns else [""] * len(table)
    places = map(table.place, range(len(table)))
    annotators, agreement = table_agreement(table)
    return [
        LabelledBox(*row)
        for row in zip(places, owners, left.tolist(), top.tolist(), width.tolist(), height.tolist(), classes,
                       _each(annotators, table), _each(agreement, table), strict=True)
    ]  # fmt: skip


def _named_scenes(table: UserTable, scenes: Mapping[str, object]) -> list[str]:
    column = find_image_column(table.header)
    if column is None:
        raise OrbitileError(f"{table.path}: has no column scene, image or filename; add the name of each box's image")
    names = table.texts(column)
    table.refuse(np.array([not name for name in names], bool), column, "; name the image that the box lies on")
    return [scene_of_label(name, scenes) for name in names]


def table_agreement(table: UserTable) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The columns annotators (n; numbers from 0 on) and agreement (n; 0..1) of a table; None where it lacks it.

    Agreement goes before annotators. OrbitileError for a cell that cannot be right.
    """
    if "agreement" in table.columns:
        (agreement,) = table.numeric(["agreement"])
        table.refuse((agreement < 0) | (agreement > 1), "agreement", "; it is a share of annotators, 0..1")
        return None, agreement
    if "annotators" in table.columns:
        (annotators,) = table.numeric(["annotators"])
        table.refuse(annotators < 0, "annotators", "; it is the number of those that marked the crater")
        return annotators, None
    return None, None


def _each(column: np.ndarray | None, table: UserTable) -> list[float | None]:
    return [None] * len(table) if column is None else column.tolist()


def is_box_table(path: Path) -> bool:
    """Whether the first line of a text that is not a comment names columns of boxes, but none of craters' places."""
    check_regular(path)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    encoding = next((name for mark, name in ENCODINGS.items() if head.startswith(mark)), "utf-8")
    lines = (line.strip() for line in head.decode(encoding, "replace").splitlines())
    first = next((line for line in lines if line and not line.startswith(("#", "sep="))), "")
    header = [field.strip("\"' ") for field in re.split(r"[,;\t|]", first)]
    return find_box_columns(header) is not None and not has_places(header)
