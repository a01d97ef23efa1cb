"""The kinds of output of networks, and how each is stored: boxes of objects, or probabilities of whole tiles."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from orbitile.detections.tiling import touch_nodata
from orbitile.inference.engine.predictions import PredictedBoxes, PredictedMasks
from orbitile.inference.fragments import Fragments
from orbitile.inference.models.families import BOXES, FAMILIES, MASKS
from orbitile.inference.tile_rows import SceneScale, TileRowTask
from orbitile.tables.detections import BOX, TILE_DETECTIONS
from orbitile.tables.masks import MASK_INDEX, TILE_MASKS

BY_TILE = [(name, "ascending") for name in ("scene", "scale_m", "tile")]
"""The order of the stage's table."""

Columns = dict[str, np.ndarray]


class OutputKind(Protocol):
    """A kind of output of networks with classes of some names, and the schema of the fragments that store it."""

    schema: pa.Schema

    def columns(self, output: Any, incomplete: Mapping[int, np.ndarray]) -> Columns:  # noqa: ANN401
        """A batch's predictions of this kind as columns of one length; `tile` is the number in the batch.

        `incomplete` holds the valid pixels (side, side) of tiles that are not valid everywhere, by the same number.
        """
        ...

    def stage_table(self, fragments: Mapping[SceneScale, Fragments], rows: Iterable[TileRowTask]) -> pa.Table:
        """The stage's table of rows of tiles, from the fragments of each scene and scale."""
        ...


class BoxOutputs:
    """Boxes: each is a row, and all of them are in the stage's table."""

    schema = TILE_DETECTIONS

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = np.array(names, object)

    def columns(self, output: PredictedBoxes, incomplete: Mapping[int, np.ndarray]) -> Columns:
        """Corners, scores, classes, and whether boxes touch pixels without data; see OutputKind."""
        truncated = touch_nodata(output.corners, output.tile, incomplete)
        corners = dict(zip(BOX, output.corners.astype(np.float32).T, strict=True))
        score = output.score.astype(np.float32)
        return corners | {
            "tile": output.tile,
            "class": self._names[output.label],
            "score": score,
            "truncated": truncated,
        }

    def stage_table(self, fragments: Mapping[SceneScale, Fragments], rows: Iterable[TileRowTask]) -> pa.Table:
        """All boxes, sorted by tile; see OutputKind."""
        tables = [table for place, keys in _keys(rows).items() for table in fragments[place].read(keys)]
        return pa.concat_tables([TILE_DETECTIONS.empty_table(), *tables]).sort_by(BY_TILE)


class MaskOutputs:
    """Probabilities: a row for each tile and class. They stay in fragments; the stage's table names the file."""

    schema = TILE_MASKS

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = np.array(names, object)

    def columns(self, output: PredictedMasks, incomplete: Mapping[int, np.ndarray]) -> Columns:
        """The probabilities of each class in each tile as bytes, row by row; see OutputKind."""
        count, classes = output.probability.shape[:2]
        pixels = [mask.tobytes() for tile in output.probability for mask in tile]
        names = np.tile(self._names, count)
        return {"tile": np.repeat(output.tile, classes), "class": names, "probability": np.array(pixels, object)}

    def stage_table(self, fragments: Mapping[SceneScale, Fragments], rows: Iterable[TileRowTask]) -> pa.Table:
        """The file that holds the probabilities of each tile; see OutputKind."""
        entries = [
            dict(scene=place[0], scale_m=place[1], tile=tile, path=str(path))
            for place, keys in _keys(rows).items()
            for path, tiles in fragments[place].tiles_by_path(keys)
            for tile in tiles
        ]
        return pa.Table.from_pylist(entries, MASK_INDEX).sort_by(BY_TILE)


OUTPUT_KINDS: dict[str, type[BoxOutputs] | type[MaskOutputs]] = {BOXES: BoxOutputs, MASKS: MaskOutputs}


def output_kind(family: str, names: Sequence[str] = ()) -> OutputKind:
    """The kind of output of a family of networks, with classes of these names."""
    return OUTPUT_KINDS[FAMILIES[family].output](names)


def _keys(rows: Iterable[TileRowTask]) -> dict[SceneScale, list[str]]:
    keys: dict[SceneScale, list[str]] = {}
    for row in rows:
        keys.setdefault(row.scene_scale, []).append(row.key)
    return keys
