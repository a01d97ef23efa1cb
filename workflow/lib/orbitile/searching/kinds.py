"""What a search keeps: boxes of objects, or the probabilities of whole tiles."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa

from orbitile.engine.answers import FoundBoxes, FoundMasks
from orbitile.searching.fragments import Fragments
from orbitile.searching.rows import Place, Row
from orbitile.tables.detections import BOX, RAW
from orbitile.tables.masks import INDEX, TILES
from orbitile.tiling import touch_nodata

BY_TILE = [(name, "ascending") for name in ("scene", "scale_m", "tile")]


Columns = dict[str, np.ndarray]


class Kind(Protocol):
    """One kind of answers, and the schema of the fragments it is kept in."""

    schema: pa.Schema

    def columns(self, found: FoundBoxes | FoundMasks, incomplete: Mapping[int, np.ndarray]) -> Columns:
        """What an answer holds, as arrays of one length; `tile` is the number in the batch."""
        ...

    def whole(self, kept: Mapping[Place, Fragments], rows: Iterable[Row]) -> pa.Table:
        """The stage's table of all that was found in some rows of tiles."""
        ...


class BoxKind:
    """Boxes: each a row, all of them in the stage's table."""

    schema = RAW

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = np.array(names, object)

    def columns(self, found: FoundBoxes, incomplete: Mapping[int, np.ndarray]) -> Columns:
        """Corners, scores, classes, and which boxes touch pixels without data."""
        cut = touch_nodata(found.corners, found.tile, incomplete)
        corners = dict(zip(BOX, found.corners.astype(np.float32).T, strict=True))
        about = {"tile": found.tile, "class": self._names[found.label], "score": found.score.astype(np.float32)}
        return corners | about | {"cut": cut}

    def whole(self, kept: Mapping[Place, Fragments], rows: Iterable[Row]) -> pa.Table:
        """The boxes of all rows of tiles."""
        tables = [table for place, keys in _keys(rows).items() for table in kept[place].detections(keys)]
        return pa.concat_tables([RAW.empty_table(), *tables]).sort_by(BY_TILE)


class MaskKind:
    """Probabilities: a row for each tile and class. They stay in fragments, and the stage's table says in which."""

    schema = TILES

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = np.array(names, object)

    def columns(self, found: FoundMasks, incomplete: Mapping[int, np.ndarray]) -> Columns:
        """The probabilities of each class in each tile as bytes."""
        count, classes = found.probability.shape[:2]
        pixels = [one.tobytes() for tile in found.probability for one in tile]
        names = np.tile(self._names, count)
        return {"tile": np.repeat(found.tile, classes), "class": names, "probability": np.array(pixels, object)}

    def whole(self, kept: Mapping[Place, Fragments], rows: Iterable[Row]) -> pa.Table:
        """Where the probabilities of every tile are kept."""
        found = [
            dict(scene=place[0], scale_m=place[1], tile=tile, path=str(path))
            for place, keys in _keys(rows).items()
            for path, tiles in kept[place].tiles(keys)
            for tile in tiles
        ]
        return pa.Table.from_pylist(found, INDEX).sort_by(BY_TILE)


KINDS = dict(yolo=BoxKind, segmentation=MaskKind)
"""What networks of each family answer."""


def _keys(rows: Iterable[Row]) -> dict[Place, list[str]]:
    keys: dict[Place, list[str]] = {}
    for row in rows:
        keys.setdefault(row.place, []).append(row.key)
    return keys
