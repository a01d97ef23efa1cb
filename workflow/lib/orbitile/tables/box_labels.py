"""Labels of boxes in images without a map, of any of the formats in box_formats, checked and told to scenes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from orbitile.base.errors import OrbitileError, first_line
from orbitile.base.file_access import check_regular
from orbitile.base.messages import shorten_names, shortened
from orbitile.tables.box_formats import (
    ImageSizes,
    LabelledBox,
    coco_boxes,
    is_box_table,
    is_coco,
    read_label_text,
    scene_of_label,
    table_boxes,
    voc_boxes,
    yolo_boxes,
)
from orbitile.tables.user_tables import TEXT_SUFFIXES

VOC, COCO, TABLE, YOLO_OR_TABLE = "Pascal VOC", "COCO", "a table", "YOLO"
KIND_BY_SUFFIX = {".xml": VOC, ".json": COCO, ".txt": YOLO_OR_TABLE} | dict.fromkeys((".csv", ".tsv", ".tab"), TABLE)
NO_LABELS = ("classes.txt", "obj.names", "train.txt", "val.txt", "test.txt", "readme.txt", "license.txt")
"""Texts, in small letters, that stand beside labels."""
ROUNDING_PX = 1.0
"""How far boxes may reach over the border of their image without a warning."""
STRAY_SHARE = 0.05
"""The largest share of an image's boxes that may lie outside of it, as in the labels of large mosaics."""


@dataclass(frozen=True)
class BoxLabels:
    """Boxes (n) of scenes as arrays: their scenes, centres (column, row) and mean sides in pixels of each image.

    `agreement` (n) is the share of annotators that marked each, 0..1; None where labels do not tell. `warnings` say
    what is odd about the labels, a line each.
    """

    scene: np.ndarray
    col: np.ndarray
    row: np.ndarray
    diameter_px: np.ndarray
    agreement: np.ndarray | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _LabelSet:
    """All boxes of a set of labels, and the names of its files, or of the images that a single file names, by scene."""

    boxes: list[LabelledBox]
    files: dict[str, str]


def holds_box_labels(path: Path) -> bool:
    """Whether a file or folder of the settings holds labels of boxes, and is no table of craters."""
    if path.is_dir():
        return True
    suffix = path.suffix.lower()
    if suffix == ".json":
        return is_coco(path)
    return suffix == ".xml" or (suffix in TEXT_SUFFIXES and is_box_table(path))


def read_box_labels(path: Path, sizes: ImageSizes, is_whole_run: bool = True) -> BoxLabels:
    """Read labels of boxes: a folder with a file for each image, of YOLO, Pascal VOC or tables, or a single file.

    `sizes` are width and height in pixels of the images, by scene; `is_whole_run` tells that these are all scenes of
    the run, so that labels without an image and images without labels are worth a warning. Boxes become circles of
    the mean of their sides. OrbitileError names the file and the place of what is no label, and of boxes outside their
    images.
    """
    labels = _read_folder(path, sizes) if path.is_dir() else _read_file(path, sizes)
    agreement = _agreement(labels.boxes, path)
    warnings = _odd_files(labels, sizes, path) if is_whole_run else []
    chosen = [number for number, box in enumerate(labels.boxes) if box.scene in sizes]
    chosen, odd_boxes = _check_boxes(labels.boxes, chosen, sizes)
    boxes = [labels.boxes[number] for number in chosen]
    columns = np.array([(b.left + b.width / 2, b.top + b.height / 2, (b.width + b.height) / 2) for b in boxes])
    col, row, diameter_px = columns.reshape(-1, 3).T
    scene = np.array([box.scene for box in boxes], object)
    share = None if agreement is None else agreement[np.array(chosen, int)]
    return BoxLabels(scene, col, row, diameter_px, share, warnings + odd_boxes + _odd_classes(boxes))


def _read_folder(path: Path, sizes: ImageSizes) -> _LabelSet:
    folder, kind, files = _label_files(path)
    if kind == COCO:
        if len(files) > 1:
            raise OrbitileError(f"{folder}: holds {len(files)} JSON files; name the one with COCO's labels")
        return _read_file(files[0], sizes)
    by_scene: dict[str, Path] = {}
    for file in files:
        scene = scene_of_label(file.name, sizes) if file.stem not in sizes else file.stem
        if (earlier := by_scene.setdefault(scene, file)) != file:
            raise OrbitileError(f"{folder}: {earlier.name} and {file.name} are both labels of {shortened(scene)}; "
                                "remove one")  # fmt: skip
    names = _class_names(folder) if kind == YOLO_OR_TABLE else {}
    boxes = [box for scene, file in by_scene.items() for box in _boxes_of_image(file, kind, scene, sizes, names)]
    return _LabelSet(boxes, {scene: file.name for scene, file in by_scene.items()})


def _label_files(path: Path) -> tuple[Path, str, list[Path]]:
    """The folder with labels, `path` or one called labels in it, their kind, and the files, sorted."""
    for folder in (path, path / "labels"):
        kinds: dict[str, list[Path]] = {}
        for file in sorted(folder.iterdir()) if folder.is_dir() else []:
            name = file.name.lower()
            kind = KIND_BY_SUFFIX.get(file.suffix.lower())
            if kind and not name.startswith(".") and not name.endswith(".aux.xml") and name not in NO_LABELS:
                kinds.setdefault(kind, []).append(file)
        if len(kinds) > 1:
            listed = ", ".join(f"{files[0].name} ({kind})" for kind, files in kinds.items())
            raise OrbitileError(f"{folder}: holds labels of several formats, {listed}; leave one in the folder")
        for kind, files in kinds.items():
            return folder, kind, files
    raise OrbitileError(f"{path}: holds no labels ({', '.join(KIND_BY_SUFFIX)}), nor has it a folder labels with them")


def _boxes_of_image(
    file: Path, kind: str, scene: str, sizes: ImageSizes, names: dict[int, str]
) -> Iterable[LabelledBox]:
    check_regular(file)
    if kind == VOC:
        return voc_boxes(file, scene, sizes)
    if file.stat().st_size == 0:
        return []
    if kind == TABLE or is_box_table(file):
        return table_boxes(file, scene, sizes)
    return yolo_boxes(file, scene, sizes[scene], names) if scene in sizes else []


def _read_file(path: Path, sizes: ImageSizes) -> _LabelSet:
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _LabelSet(*coco_boxes(path, sizes))
    if suffix == ".xml":
        scene = scene_of_label(path.name, sizes)
        return _LabelSet([*voc_boxes(path, scene, sizes)], {scene: path.name})
    boxes = table_boxes(path, None, sizes)
    return _LabelSet(boxes, {box.scene: box.scene for box in boxes})


def _agreement(boxes: Sequence[LabelledBox], path: Path) -> np.ndarray | None:
    """The share of annotators (n, 0..1) of each box; a number of them as a share of the set's largest."""
    for values, name in (
        ([box.agreement for box in boxes], "agreement"),
        ([box.annotators for box in boxes], "number of annotators (<confidence>)"),
    ):
        missing = next((box for box, number in zip(boxes, values, strict=True) if number is None), None)
        if all(number is None for number in values):
            continue
        if missing is not None:
            raise OrbitileError(f"{missing.place}: has no {name}, but other labels have; give it to all or to none")
        numbers = np.array(values, float)
        if name == "agreement":
            return numbers
        if numbers.min() < 0 or numbers.max() == 0:
            raise OrbitileError(f"{boxes[int(numbers.argmin())].place}: {name} is {numbers.min():g}; it is above 0")
        return numbers / numbers.max()
    return None


def _odd_files(labels: _LabelSet, sizes: ImageSizes, path: Path) -> list[str]:
    """A line on labels without an image, and on images without labels; OrbitileError where nothing fits."""
    orphans = [name for scene, name in labels.files.items() if scene not in sizes]
    if orphans and len(orphans) == len(labels.files):
        raise OrbitileError(
            f"{path}: labels {shorten_names(map(shortened, orphans), 3)}, but the scenes of this run are "
            f"{shorten_names(sizes, 3)}; labels have the names of their images"
        )
    bare = [scene for scene in sizes if scene not in labels.files]
    lines = []
    if orphans:
        lines.append(f"labels of no image of this run: {len(orphans)} ({shorten_names(map(shortened, orphans))})")
    if bare:
        lines.append(
            f"images without labels, which count as images without craters: {len(bare)} of {len(sizes)} "
            f"({shorten_names(bare)}); leave out of the run those that nobody has labelled"
        )
    return lines


def _check_boxes(boxes: Sequence[LabelledBox], chosen: Sequence[int], sizes: ImageSizes) -> tuple[list[int], list[str]]:
    """The boxes, by their numbers, that lie in their image, have a size and count, and a line on each kind of others.

    OrbitileError for sides below 0, and for an image that too many boxes lie outside of.
    """
    first_numbers: dict[tuple, int] = {}
    odd: dict[str, list[str]] = {}
    outside: dict[str, list[LabelledBox]] = {}
    for number in chosen:
        box, over_px = boxes[number], _over_border_px(boxes[number], sizes)
        if box.width < 0 or box.height < 0:
            raise OrbitileError(f"{box.place}: sides of {box.width:g} x {box.height:g} px; are corners swapped?")
        if over_px is None:
            outside.setdefault(box.scene, []).append(box)
            odd.setdefault("boxes that lie outside their image and are left out", []).append(box.place)
        elif not box.width or not box.height:
            odd.setdefault("boxes that have no size and are left out", []).append(box.place)
        elif first_numbers.setdefault((box.scene, box.left, box.top, box.width, box.height), number) != number:
            odd.setdefault("boxes that stand there twice and count once", []).append(box.place)
        elif over_px > ROUNDING_PX:
            odd.setdefault("boxes that reach over the border of their image", []).append(box.place)
    _refuse_other_size(outside, Counter(boxes[number].scene for number in chosen), sizes)
    lines = [f"{text}: {len(places)} ({shorten_names(places, 2)})" for text, places in odd.items()]
    return list(first_numbers.values()), lines


def _over_border_px(box: LabelledBox, sizes: ImageSizes) -> float | None:
    """How far a box reaches over the border of its image; None for a box that is nowhere in it."""
    width, height = sizes[box.scene]
    right, bottom = box.left + box.width, box.top + box.height
    is_outside = right < 0 or bottom < 0 or box.left > width or box.top > height
    return None if is_outside else max(-box.left, -box.top, right - width, bottom - height)


def _refuse_other_size(
    outside: Mapping[str, Sequence[LabelledBox]], counts: Mapping[str, int], sizes: ImageSizes
) -> None:
    """OrbitileError where so many boxes lie outside of an image that they must be of another."""
    for scene, boxes in outside.items():
        if len(boxes) > STRAY_SHARE * counts[scene]:
            box, (width, height) = boxes[0], sizes[scene]
            raise OrbitileError(
                f"{box.place}: the box at column {box.left:g}, row {box.top:g} lies outside its image of {width} x "
                f"{height} px, as do {len(boxes)} of its {counts[scene]} boxes; are these labels of an image of "
                "another size?"
            )


def _odd_classes(boxes: Sequence[LabelledBox]) -> list[str]:
    """A line where boxes are of several classes."""
    counts = Counter(box.class_name for box in boxes)
    listed = shorten_names(f"{shortened(name or 'none')} ({count})" for name, count in sorted(counts.items()))
    return [f"boxes of {len(counts)} classes, {listed}, are all taken for craters"] if len(counts) > 1 else []


def _class_names(folder: Path) -> dict[int, str]:
    """Names of classes by number, as a data.yaml in the folder of labels or up to two above it tells."""
    for place in (folder, folder.parent, folder.parent.parent):
        file = place / "data.yaml"
        if file.is_file():
            return _yaml_names(file)
    return {}


def _yaml_names(file: Path) -> dict[int, str]:
    """The names that a data.yaml gives to classes: a list, or by number; none where it is not readable as such."""
    import yaml  # only where labels are YOLO's

    try:
        content = yaml.safe_load(read_label_text(file))
    except (yaml.YAMLError, RecursionError) as error:
        raise OrbitileError(f"{file}: is not readable YAML ({shortened(first_line(error), 200)})") from error
    names = content.get("names") if isinstance(content, dict) else None
    pairs = enumerate(names) if isinstance(names, list) else names.items() if isinstance(names, dict) else ()
    return {int(number): name for number, name in pairs if isinstance(number, int) and isinstance(name, str)}
