"""The rows of a catalogue as the page reads them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from orbitile.catalogue import Catalogue
from orbitile.web.blocks import blocks_by_size, rounded_reaches
from orbitile.web.data_scripts import packed, write_data_script
from orbitile.web.truth_comparison import NOT_JUDGED

BLOCK_ROWS = 2048
ID_BYTES = 10
STEPS_PER_DEGREE = 1e7
SHARE_STEPS = 65_534
UNKNOWN_SHARE = 65_535
NUMBERS = ("lon", "lat", "diameter_km", "score", "probability")
TYPES = dict(
    lon="f8", lat="f8", diameter_km="f8", score="f4", probability="f4", scene="u4", class_number="u2", scale="u1",
    truncated="?",
)  # fmt: skip
"""As small as what a catalogue stores, and as the page reads: there may be ten million rows."""
COLUMNS = ("id", "scene", "class", "scale_m", "truncated", *NUMBERS)


@dataclass(frozen=True)
class PageRows:
    """The rows of a catalogue (n each), and the names that they have the numbers of.

    `lon` and `lat` are in degrees, `score` and `probability` 0..1 (NaN: unknown), `identity` has ID_BYTES of each,
    `comparison` the kind of each (see TruthComparison; NOT_JUDGED without a truth).
    """

    lon: np.ndarray
    lat: np.ndarray
    diameter_km: np.ndarray
    scene: np.ndarray
    score: np.ndarray
    probability: np.ndarray
    class_number: np.ndarray
    scale: np.ndarray
    truncated: np.ndarray
    identity: np.ndarray
    comparison: np.ndarray
    scenes: list[str]
    classes: list[str]
    scales_m: list[float]

    @classmethod
    def read(cls, catalogue: Catalogue) -> "PageRows":
        """All rows of a catalogue, in memory (51 bytes each)."""
        names: dict[str, list[Any]] = dict(scene=[], scale_m=[]) | {"class": []}
        count, first = len(catalogue), 0
        columns = {name: np.empty(count, dtype) for name, dtype in TYPES.items()}
        columns["identity"] = np.empty((count, ID_BYTES), np.uint8)
        for batch in catalogue.batches(COLUMNS):
            for name, values in _columns(batch, names).items():
                columns[name][first : first + len(batch)] = values
            first += len(batch)
        columns["comparison"] = np.full(count, NOT_JUDGED, np.uint8)
        return cls(**columns, scenes=names["scene"], classes=names["class"], scales_m=names["scale_m"])

    def __len__(self) -> int:
        return len(self.lon)

    def indices_of(self, ids: Sequence[str]) -> list[int]:
        """The indices of the rows with ids, which must be there."""
        wanted = _identities(pa.array(ids, pa.string()))
        is_near = np.isin(_beginnings(self.identity), _beginnings(wanted))
        index = {self.identity[i].tobytes(): i for i in np.flatnonzero(is_near).tolist()}
        return [index[identity.tobytes()] for identity in wanted]

    def described(self, index: int) -> dict[str, Any]:
        """A row for the page, as it makes one of a block."""
        probability = float(self.probability[index])
        return dict(
            id=base64.b32encode(self.identity[index].tobytes()).decode(), lon=float(self.lon[index]),
            lat=float(self.lat[index]), diameter_km=float(self.diameter_km[index]), score=float(self.score[index]),
            probability=None if np.isnan(probability) else probability, scene=self.scenes[int(self.scene[index])],
            scale_m=self.scales_m[int(self.scale[index])], truncated=bool(self.truncated[index]),
        ) | {"class": self.classes[int(self.class_number[index])]}  # fmt: skip

    def packed(self, rows: np.ndarray) -> str:
        """The rows of indices, array by array, as the page reads them."""
        return packed([
            degree_steps(self.lon[rows]), degree_steps(self.lat[rows]), self.diameter_km[rows].astype("f4"),
            self.scene[rows].astype("u4"), _shares(self.score[rows]), _shares(self.probability[rows]),
            self.class_number[rows].astype("u2"), self.scale[rows].astype("u1"), self.truncated[rows].astype("u1"),
            self.identity[rows], self.comparison[rows].astype("u1"),
        ])  # fmt: skip


def write_blocks(rows: PageRows, folder: Path, radius_m: float) -> tuple[dict[str, int], dict[str, list[float]]]:
    """Write all blocks as data scripts rows/level-column-row.

    Returns how many rows each has, by name, and how far these reach on a body of a radius (see `rounded_reaches`).
    """
    counts, reaches = {}, {}
    for block in blocks_by_size(rows.lon, rows.lat, rows.diameter_km, BLOCK_ROWS):
        value = dict(count=len(block.rows), columns=rows.packed(block.rows), deeper=block.deeper_cells())
        write_data_script(folder, f"rows/{block.name}", value)
        counts[block.name] = len(block.rows)
        reaches[block.name] = _reach(rows.lat[block.rows], rows.diameter_km[block.rows] * 500 / radius_m)
    return counts, rounded_reaches(reaches)


def _reach(lat: np.ndarray, angle: np.ndarray) -> tuple[float, float]:
    """Degrees of longitude and of latitude that circles (n: latitudes in degrees, radii in radians) reach at most."""
    across = np.sin(np.minimum(angle, np.pi / 2)) / np.maximum(np.cos(np.radians(lat)), np.finfo(float).tiny)
    half_width = np.where(across < 1, np.degrees(np.arcsin(np.minimum(across, 1))), 180)
    return float(half_width.max()), float(np.degrees(angle.max()))


def _columns(batch: pa.RecordBatch, names: dict[str, list[Any]]) -> dict[str, np.ndarray]:
    """The arrays of a batch; names that are new are added to the lists of names."""
    numbers = {name: np.asarray(batch[name].to_numpy(zero_copy_only=False), float) for name in NUMBERS}
    return numbers | dict(
        truncated=np.asarray(batch["truncated"].to_numpy(zero_copy_only=False), bool),
        scene=_numbered(batch["scene"], names["scene"]), class_number=_numbered(batch["class"], names["class"]),
        scale=_numbered(batch["scale_m"], names["scale_m"]), identity=_identities(batch["id"]),
    )  # fmt: skip


def _numbered(values: pa.Array, names: list[Any]) -> np.ndarray:
    """The number of each value in a list of names, which grows."""
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    known = {name: number for number, name in enumerate(names)}
    for name in encoded.dictionary.to_pylist():
        known.setdefault(name, len(known))
    names[:] = known
    numbers = np.array([known[name] for name in encoded.dictionary.to_pylist()], np.int64)
    return numbers[encoded.indices.to_numpy(zero_copy_only=False)] if len(numbers) else np.zeros(len(values), np.int64)


def _identities(ids: pa.Array) -> np.ndarray:
    """The bytes (n, ID_BYTES) of ids, which are in base 32."""
    digests = base64.b32decode("".join(ids.to_pylist()))
    return np.frombuffer(digests, np.uint8).reshape(-1, ID_BYTES)


def _beginnings(identity: np.ndarray) -> np.ndarray:
    """The first eight bytes of each identity (n, ID_BYTES) as a number (n)."""
    return np.ascontiguousarray(identity[:, :8]).view("u8").ravel()


def degree_steps(degrees: np.ndarray) -> np.ndarray:
    """Degrees in whole steps of a ten-millionth, as the page reads them."""
    return np.round(degrees * STEPS_PER_DEGREE).astype("i4")


def _shares(values: np.ndarray) -> np.ndarray:
    """Shares 0..1 in SHARE_STEPS steps; UNKNOWN_SHARE for NaN."""
    is_unknown = np.isnan(values)
    steps = np.round(np.clip(np.where(is_unknown, 0, values.astype(float)), 0, 1) * SHARE_STEPS)
    return np.where(is_unknown, UNKNOWN_SHARE, steps).astype("u2")
