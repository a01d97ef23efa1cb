"""The scene table that a user writes: which images a run is made of."""

import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.base.messages import shortened
from orbitile.base.names import LONGEST_NAME, is_plain_name, parse_band
from orbitile.base.remote_files import is_remote
from orbitile.tables.column_names import plain_name
from orbitile.tables.georef_methods import GEOREF_METHODS
from orbitile.tables.image_folders import IMAGE_SUFFIXES, images_of_folder
from orbitile.tables.user_tables import UserTable, is_empty_cell, read_text_table, read_user_table

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


class SceneEntry(NamedTuple):
    """A row of the scene table; None for empty cells. `incidence` is in degrees.

    `place` says where an image comes from, which others of the place share; `split` is one of SPLIT_NAMES.
    """

    scene: str
    path: str
    body: str | None
    group: str | None
    georef_method: str | None
    kernels: str | None
    corners: str | None
    mosaic: str | None
    incidence: float | None
    bands: tuple[int | str, ...] | None
    place: str | None
    split: str | None


class SceneOrigin(NamedTuple):
    """What the scene table says of a scene for training: where it comes from, and its split; None for empty cells."""

    place: str | None = None
    split: str | None = None

    @property
    def is_for_tests(self) -> bool:
        """Whether the scene is set aside, so that no training learns from it."""
        return self.split == TEST


TEST = "test"
SPLIT_NAMES = ("train", "val", TEST)
"""What scenes are for: to learn from, to choose the epoch by, or neither."""
COLUMNS = list(SceneEntry._fields)
"""All columns; only scene and path are required."""

MAX_INCIDENCE_DEG = 180


def read_scene_table(path: Path) -> "pd.DataFrame":
    """Read and check a scene table (CSV or Parquet): columns scene and path, and others of COLUMNS.

    A folder stands for a table of the images in it (see orbitile.tables.image_folders).

    Relative paths, also of kernels and files of control points, count from the table's folder and come back complete.
    Bands come back as tuples of numbers (from 1) and names. Empty cells are None. OrbitileError names the table, the
    row and the way out.
    """
    if path.is_dir():
        return _frame(dict(scene=[*(images := images_of_folder(path))], path=[*map(str, images.values())]))
    if not path.is_file():
        raise OrbitileError(f"scenes: there is no scene table at {path}")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise OrbitileError(f"scenes: {path} is an image; give the folder {path.parent}, or a scene table")
    table = (read_user_table if path.suffix.lower() == ".parquet" else read_text_table)(path)
    _check_columns(table)
    cells = {name: _texts(table, name) for name in COLUMNS}
    _check_names(table, cells)
    _check_paths(table, cells)
    _check_georef_methods(table, cells)
    _refuse_first(
        table, cells["split"], SPLIT_NAMES.__contains__, "split", f"is unknown; allowed are {', '.join(SPLIT_NAMES)}"
    )
    columns: dict[str, Sequence] = cells | dict(
        incidence=_incidences(table, cells["incidence"]), bands=_bands(table, cells["bands"]),
        path=_complete_paths(cells["path"], path, lambda image: not is_remote(image)),
        kernels=_complete_paths(cells["kernels"], path, lambda _: True),
        corners=_complete_paths(cells["corners"], path, is_points_file),
    )  # fmt: skip
    return _frame(columns)


def read_scene_origins(path: Path) -> dict[str, SceneOrigin]:
    """Place and split of each scene of a scene table, or of a folder of images, which names none.

    The strips of a mosaic have those of its first; OrbitileError where they differ.
    """
    table = read_scene_table(path)
    origins: dict[str, SceneOrigin] = {}
    columns = (table[name] for name in ("scene", "mosaic", "place", "split"))
    for scene, mosaic, place, split in zip(*columns, strict=True):
        origin, name = SceneOrigin(place, split), mosaic or scene
        if origins.setdefault(name, origin) != origin:
            raise OrbitileError(f"{path}: mosaic {name}: its strips have different places or splits; name the same")
    return origins


def _frame(columns: dict[str, Sequence]) -> "pd.DataFrame":
    """The rows of a table by its columns, sorted by scene; None in those that it lacks."""
    import pandas as pd

    frame = pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in columns.items()})
    frame = frame.astype(dict(scene=str, path=str)).sort_values("scene", ignore_index=True)
    missing = {name: pd.Series([None] * len(frame), dtype=object) for name in COLUMNS if name not in columns}
    return frame.assign(**missing)[COLUMNS]


def is_points_file(corners: str) -> bool:
    """Whether the column corners names a file of control points instead of the corners themselves."""
    return corners.lower().endswith(".csv")


def _check_columns(table: UserTable) -> None:
    missing = {"scene", "path"} - set(table.columns)
    unnamed = table.columns.pop("", None)
    if unnamed is not None and any(cell and str(cell).strip() for cell in unnamed.to_pylist()):
        raise OrbitileError(f"{table.path}: a column has no name; name it or remove it")
    if missing:
        raise OrbitileError(f"{table.path}: column {_listed(missing)} is missing; scene and path are required")
    if unknown := [name for name in table.header if plain_name(name) in set(table.columns) - set(COLUMNS)]:
        listed = shortened(", ".join(sorted(unknown)))
        raise OrbitileError(f"{table.path}: column {listed} is unknown; allowed are {', '.join(COLUMNS)}")
    if not len(table):
        raise OrbitileError(f"{table.path}: has no rows; add a scene")


def _texts(table: UserTable, name: str) -> list[str | None]:
    """A column as text, None for empty cells; scenes and images may have any name."""
    if name not in table.columns:
        return [None] * len(table)
    texts = table.texts(name)
    return [*texts] if name in ("scene", "path") else [None if is_empty_cell(text) else text for text in texts]


def _check_names(table: UserTable, cells: dict[str, list[str | None]]) -> None:
    allowed = (
        f"allowed are at most {LONGEST_NAME} letters, digits, '.', '_' and '-', no '..', no '.' or '-' at the start"
    )
    for column in ("scene", "group", "mosaic"):
        _refuse_first(table, cells[column], is_plain_name, column, f"is not a plain name; {allowed}")
        _check_cases(table, cells[column], column)
    repeated = [
        scene if is_repeat else None for scene, is_repeat in zip(cells["scene"], _repeats(cells["scene"]), strict=True)
    ]
    _refuse_first(
        table, repeated, lambda _: False, "scene", "is listed more than once; give every row an id of its own"
    )


def _check_cases(table: UserTable, names: Sequence[str | None], column: str) -> None:
    """OrbitileError for two names that many file systems take for one."""
    by_folded: dict[str, str] = {}
    for index, name in enumerate(names):
        if name and (earlier := by_folded.setdefault(name.casefold(), name)) != name:
            raise OrbitileError(
                f"{table.place(index)}: {column} {shortened(name)!r} differs from {shortened(earlier)!r} only in upper "
                "and lower case, and many file systems would take their files for one; rename one"
            )


def _check_paths(table: UserTable, cells: dict[str, list[str | None]]) -> None:
    _refuse_first(table, cells["path"], bool, "path", "is empty; name the scene's image")
    for index, (scene, image) in enumerate(zip(cells["scene"], cells["path"], strict=True)):
        if re.search(r"[{}\x00-\x1f]", str(image)):
            raise OrbitileError(
                f"{table.place(index)}: scene {scene}: path {shortened(str(image))!r} contains braces or line breaks; "
                "rename the file"
            )
    repeats = _repeats(cells["path"])
    if any(repeats):
        first = repeats.index(True)
        log.warning("%s: scene %s has the same image as an earlier one (%s)", table.place(first), cells["scene"][first],
                    shortened(str(cells["path"][first])))  # fmt: skip


def _check_georef_methods(table: UserTable, cells: dict[str, list[str | None]]) -> None:
    allowed = f"allowed are {', '.join(GEOREF_METHODS)}, or an empty cell for the best that is possible"
    is_method = GEOREF_METHODS.__contains__
    _refuse_first(table, cells["georef_method"], is_method, "georef_method", f"is unknown; {allowed}")
    scenes = set(cells["scene"])
    _refuse_first(
        table, cells["mosaic"], lambda name: name not in scenes, "mosaic",
        "is the name of a scene and of a mosaic; give the mosaic another name",
    )  # fmt: skip
    groups: dict[str, str | None] = {}
    for mosaic, group in zip(cells["mosaic"], cells["group"], strict=True):
        if mosaic and groups.setdefault(mosaic, group) != group:
            raise OrbitileError(
                f"{table.path}: mosaic {mosaic}: its strips are in different groups; name the same for all"
            )


def _incidences(table: UserTable, cells: Sequence[str | None]) -> list[float | None]:
    """Incidence angles in degrees; None for empty cells."""
    filled = np.array([cell is not None for cell in cells])
    if not filled.any():
        return [None] * len(cells)
    angles = np.full(len(cells), 0.0)
    angles[filled] = table.select(filled).numeric(["incidence"])[0]
    is_off = (angles < 0) | (angles > MAX_INCIDENCE_DEG)
    table.refuse(is_off, "incidence", f"; incidence angles lie in 0..{MAX_INCIDENCE_DEG} degrees")
    return [float(angle) if is_filled else None for angle, is_filled in zip(angles, filled, strict=True)]


def _bands(table: UserTable, cells: Sequence[str | None]) -> list[tuple[int | str, ...] | None]:
    """The column bands, as tuples of band numbers and names; None for empty cells."""
    bands = []
    for index, text in enumerate(cells):
        try:
            bands.append(tuple(parse_band(word) for word in re.split(r"[\s;,+]+", text) if word) if text else None)
        except ValueError as error:
            raise OrbitileError(f"{table.place(index)}: bands {shortened(str(text))!r}: {error}") from error
    return [numbers or None for numbers in bands]


def _complete_paths(cells: Sequence[str | None], table: Path, is_path: Callable[[str], bool]) -> list[str | None]:
    """A column whose paths count from the table's folder."""
    return [str(table.parent / cell) if cell and is_path(cell) else cell for cell in cells]


def _repeats(cells: Sequence[str | None]) -> list[bool]:
    """Which cells stand in an earlier row, too."""
    first_of = {cell: index for index, cell in reversed(list(enumerate(cells)))}
    return [first_of[cell] != index for index, cell in enumerate(cells)]


def _refuse_first(
    table: UserTable, cells: Sequence[str | None], is_right: Callable[[str], bool], column: str, message: str
) -> None:
    """Raise OrbitileError for the first cell, of those that are not None, that is not right."""
    for index, cell in enumerate(cells):
        if cell is not None and not is_right(cell):
            raise OrbitileError(f"{table.place(index)}: {column} {shortened(cell)!r} {message}")


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
