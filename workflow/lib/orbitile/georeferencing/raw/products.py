"""Raw products: where an image's pixels lie in its file, and on which detector samples.

Only columns that see the ground are read. What differs from instrument to instrument is its RawFormat.
"""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.raw.correction import CorrectionMeasurement
from orbitile.georeferencing.raw.label import PvlLabel
from orbitile.space.bodies import find_body

_DTYPES = {
    "UNSIGNED_INTEGER": ">u", "MSB_UNSIGNED_INTEGER": ">u", "LSB_UNSIGNED_INTEGER": "<u", "PC_UNSIGNED_INTEGER": "<u",
    "INTEGER": ">i", "MSB_INTEGER": ">i", "LSB_INTEGER": "<i", "PC_INTEGER": "<i",
}  # fmt: skip
"""Byte order and signedness of PDS3's sample types, as NumPy spells them."""


@dataclass(frozen=True)
class Layout:
    """Where pixels lie in a file, in bytes.

    `first_byte`: where the first line begins, with its prefix. `line_bytes`: from one line to the next.
    `pixel_offset`: from a line's beginning to its first pixel that is read. `dtype`: NumPy's name of the pixels' type,
    with byte order.
    """

    first_byte: int
    line_bytes: int
    pixel_offset: int
    dtype: str


@dataclass(frozen=True)
class Columns:
    """Which columns of a line are read, and which detector samples they are made of.

    `left`, `right`: columns dropped at the sides of the line in the file. `first_sample`: the position on the
    detector, in samples from its outer edge (0), of the left edge of the first column that is read. `summing`: samples
    in a column. `mirrored`: whether samples fall as columns rise.
    """

    left: int
    right: int
    first_sample: float
    summing: int
    mirrored: bool = False


def keep_companded(label: PvlLabel) -> None:
    """The decompanding table of instruments that have none, or have none in their labels: bytes stay as stored."""


def is_above_zero(stored: np.ndarray) -> np.ndarray:
    """Where stored pixels (any shape) are no gaps, of instruments that fill these with 0."""
    return stored > 0


def is_any_line(lines: np.ndarray) -> np.ndarray:
    """True for each line (n) of bytes (n, line_bytes), of instruments that do not mark lines that were lost."""
    return np.ones(len(lines), bool)


@dataclass(frozen=True)
class RawFormat:
    """How an instrument stores its images, beyond the keywords that all PDS3 labels share.

    `columns`: which columns are read, by the label and the samples in a line of the file.
    `corrections`: what measures the corrections of a product, in the order in which they are applied.
    `decompanding_table`: the count (256) of each stored byte by the label, NaN where a byte stands for no count; None
    where bytes stay as stored. OrbitileError for a table in the label that is wrong.
    `is_valid`: where stored pixels (any shape) are measurements (bool), neither gaps nor saturated.
    `is_complete_line`: which lines (n, bool) of bytes (n, line_bytes) arrived on the ground.
    `highest_count`: of pixels of 16 bits.
    `record_fits_line`: whether RECORD_BYTES agree with the bytes of a line.
    """

    columns: Callable[[PvlLabel, int], Columns]
    corrections: Callable[["RawProduct"], Sequence[CorrectionMeasurement]]
    decompanding_table: Callable[[PvlLabel], np.ndarray | None] = keep_companded
    is_valid: Callable[[np.ndarray], np.ndarray] = is_above_zero
    is_complete_line: Callable[[np.ndarray], np.ndarray] = is_any_line
    highest_count: int = 2**16 - 1
    record_fits_line: Callable[[int, int], bool] = operator.eq


@dataclass(frozen=True)
class RawProduct:
    """A raw image of an instrument: `width` columns and `height` lines that see the ground, in the file `path`.

    The file need not exist. `layout` leads to the pixels, `columns` to the detector.
    """

    label: PvlLabel
    instrument: str
    product_id: str
    body: str
    path: Path
    width: int
    height: int
    layout: Layout
    columns: Columns
    format: RawFormat

    @property
    def first_sample(self) -> float:
        """Detector sample (from 0, before summing) of the left edge of the first column."""
        return self.columns.first_sample

    @property
    def summing(self) -> int:
        """Detector samples in a column."""
        return self.columns.summing

    @property
    def dropped_columns(self) -> tuple[int, int]:
        """Columns of the file's lines that are not read, on the left and on the right: they see no ground."""
        return self.columns.left, self.columns.right


def is_raw(label: PvlLabel) -> bool:
    """Whether a label is of an experiment data record: CODMAC level 2, which stands in the data set's name."""
    if label.has("IsisCube") or label.has("IMAGE_MAP_PROJECTION") or not label.has("IMAGE"):
        return False
    product_type = label.text("PRODUCT_TYPE").upper() if label.has("PRODUCT_TYPE") else ""
    data_set = label.text("DATA_SET_ID").upper() if label.has("DATA_SET_ID") else ""
    return product_type == "EDR" or bool(re.search(r"-2-(EDR|DSDP)\b", data_set))


def describe_product(label: PvlLabel, instrument: str, raw_format: RawFormat) -> RawProduct:
    """The raw product that a label describes, of an instrument (by name) with its format.

    OrbitileError for a label that contradicts itself.
    """
    samples, lines = label.integer("IMAGE.LINE_SAMPLES"), label.integer("IMAGE.LINES")
    columns = raw_format.columns(label, samples)
    path, first_byte = label.pointer("IMAGE")
    layout = _layout(label, first_byte, columns.left)
    _check_records(label, layout.line_bytes, raw_format)
    return RawProduct(
        label=label, instrument=instrument, product_id=label.text("PRODUCT_ID"),
        body=find_body(label.text("TARGET_NAME")).name, path=path,
        width=samples - columns.left - columns.right, height=lines, layout=layout, columns=columns, format=raw_format,
    )  # fmt: skip


def _layout(label: PvlLabel, first_byte: int, dropped_left: int) -> Layout:
    bits, sample_type = label.integer("IMAGE.SAMPLE_BITS"), label.text("IMAGE.SAMPLE_TYPE").upper()
    if bits not in (8, 16) or sample_type not in _DTYPES:
        raise OrbitileError(
            f"{label.path}: SAMPLE_BITS {bits} and SAMPLE_TYPE {sample_type} are not of a raw image; allowed are 8 and "
            f"16 bits of {', '.join(_DTYPES)}"
        )
    # Bytes are unsigned whatever the label calls them: NAC labels say LSB_INTEGER, and ISIS reads them unsigned too.
    dtype = "u1" if bits == 8 else f"{_DTYPES[sample_type]}2"
    keys = [f"IMAGE.LINE_{side}_BYTES" for side in ("PREFIX", "SUFFIX")]
    prefix, suffix = (label.integer(key) if label.has(key) else 0 for key in keys)
    line_bytes = prefix + label.integer("IMAGE.LINE_SAMPLES") * (bits // 8) + suffix
    return Layout(first_byte, line_bytes, prefix + dropped_left * (bits // 8), dtype)


def _check_records(label: PvlLabel, line_bytes: int, raw_format: RawFormat) -> None:
    """Refuse a label whose records do not fit its lines.

    FILE_RECORDS proves nothing: it is often left unchanged when an image is cropped.
    """
    if not label.has("RECORD_BYTES") or label.text("RECORD_TYPE").upper() != "FIXED_LENGTH":
        return
    record_bytes = max(label.integer("RECORD_BYTES"), 1)
    if not raw_format.record_fits_line(record_bytes, line_bytes):
        raise OrbitileError(
            f"{label.path}: LINE_SAMPLES and SAMPLE_BITS make lines of {line_bytes} bytes, but RECORD_BYTES is "
            f"{record_bytes}; is it the label of another image?"
        )


def check_line_samples(label: PvlLabel, samples: int, expected: int) -> None:
    """Refuse lines that are not complete: the label does not say which samples are missing."""
    if samples != expected:
        raise OrbitileError(
            f"{label.path}: LINE_SAMPLES is {samples}, but complete lines of this instrument and summing have "
            f"{expected}; give the complete product: the label does not say where on the detector a part of it lies"
        )
