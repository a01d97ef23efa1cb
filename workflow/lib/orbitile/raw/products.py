"""Raw products: which instrument took an image, where its pixels lie in the file, and on which detector samples.

Only columns that look at the ground are taken; what ISIS imports differently is said at each instrument.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from orbitile.errors import OrbitileError
from orbitile.raw.label import Label
from orbitile.space.bodies import body

INSTRUMENTS = ("CTX", "HIRISE", "LROC_NACL", "LROC_NACR", "MDIS_NAC")
"""The instruments whose raw products can be read."""

CTX_SAMPLES, HIRISE_SAMPLES, NAC_SAMPLES, MDIS_SAMPLES = 5056, 1024, 5064, 1024
"""Detector samples in a whole line: of CTX and the NACs with their dark ones, of a HiRISE channel, of MDIS."""

_TYPES = {
    "UNSIGNED_INTEGER": ">u", "MSB_UNSIGNED_INTEGER": ">u", "LSB_UNSIGNED_INTEGER": "<u", "PC_UNSIGNED_INTEGER": "<u",
    "INTEGER": ">i", "MSB_INTEGER": ">i", "LSB_INTEGER": "<i", "PC_INTEGER": "<i",
}  # fmt: skip
"""Byte order and kind of PDS3's sample types."""


@dataclass(frozen=True)
class Layout:
    """Where pixels lie in a file, in bytes.

    `first_byte`: where the first line begins, with its prefix. `line_bytes`: from one line to the next. `before`: from
    a line's beginning to its first pixel taken. `dtype`: NumPy's name of the pixels' type, with byte order.
    """

    first_byte: int
    line_bytes: int
    before: int
    dtype: str


@dataclass(frozen=True)
class Columns:
    """Which columns of a line are taken, and which detector samples they are made of.

    `left`, `right`: columns dropped at the sides of the line in the file. `first_sample`: the place on the detector,
    in samples from its outer edge (0), of the left edge of the first column taken. `summing`: samples in a column.
    `mirrored`: whether samples fall as columns rise.
    """

    left: int
    right: int
    first_sample: float
    summing: int
    mirrored: bool = False


@dataclass(frozen=True)
class RawProduct:
    """A raw image of an instrument: `width` columns and `height` lines that look at the ground, in the file `path`.

    The file need not exist. `layout` leads to the pixels, `columns` to the detector.
    """

    label: Label
    instrument: str
    product_id: str
    body: str
    path: Path
    width: int
    height: int
    layout: Layout
    columns: Columns

    @property
    def first_sample(self) -> float:
        """Detector sample (from 0, before summing) of the left edge of the first column; see `detector_sample`."""
        return self.columns.first_sample

    @property
    def summing(self) -> int:
        """Detector samples in a column."""
        return self.columns.summing

    @property
    def dropped(self) -> tuple[int, int]:
        """Columns of the file's lines that are left out, on the left and on the right: they see no ground."""
        return self.columns.left, self.columns.right

    def detector_sample(self, col: ArrayLike) -> np.ndarray:
        """Places on the detector, in samples from its outer edge (0), of pixel coordinates along a line.

        ISIS counts samples by their centres from 1: its sample is this plus 0.5.
        """
        way = -self.summing if self.columns.mirrored else self.summing
        return self.first_sample + way * np.asarray(col, float)


def read_product(path: str | Path) -> RawProduct | None:
    """The raw product that a file, or the label beside or given, describes.

    None for what is not raw: no label, calibrated or map-projected products, ISIS cubes. OrbitileError for a raw
    product of another instrument, and for labels that contradict themselves.
    """
    label = Label.find(path)
    if label is None or not _is_raw(label):
        return None
    return _product(label, _instrument(label))


def _is_raw(label: Label) -> bool:
    """Whether a label is of an experiment data record: CODMAC level 2, which stands in the data set's name."""
    if label.has("IsisCube") or label.has("IMAGE_MAP_PROJECTION") or not label.has("IMAGE"):
        return False
    kind = label.text("PRODUCT_TYPE").upper() if label.has("PRODUCT_TYPE") else ""
    data_set = str(label.text("DATA_SET_ID")).upper() if label.has("DATA_SET_ID") else ""
    return kind == "EDR" or bool(re.search(r"-2-(EDR|DSDP)\b", data_set))


def _instrument(label: Label) -> str:
    """The name of the instrument among INSTRUMENTS."""
    name = label.text("INSTRUMENT_ID").upper() if label.has("INSTRUMENT_ID") else "nameless"
    side = label.text("FRAME_ID").upper() if label.has("FRAME_ID") else ""
    known = {
        ("CTX", ""): "CTX", ("HIRISE", ""): "HIRISE", ("MDIS-NAC", ""): "MDIS_NAC",
        ("LROC", "LEFT"): "LROC_NACL", ("LROC", "RIGHT"): "LROC_NACR",
    }  # fmt: skip
    found = known.get((name, side if name == "LROC" else ""))
    if found is None:
        raise OrbitileError(
            f"{label.path}: INSTRUMENT_ID {name} {side}".rstrip() + " is not an instrument whose raw images can be "
            f"read; known are {', '.join(INSTRUMENTS)}: give a calibrated or map-projected product of it"
        )
    return found


def _product(label: Label, instrument: str) -> RawProduct:
    samples, lines = label.whole("IMAGE.LINE_SAMPLES"), label.whole("IMAGE.LINES")
    columns = _COLUMNS[instrument](label, samples)
    path, first_byte = label.pointer("IMAGE")
    return RawProduct(
        label=label, instrument=instrument, product_id=label.text("PRODUCT_ID"),
        body=body(label.text("TARGET_NAME")).name, path=path,
        width=samples - columns.left - columns.right, height=lines,
        layout=_layout(label, first_byte, columns.left), columns=columns,
    )  # fmt: skip


def _layout(label: Label, first_byte: int, left: int) -> Layout:
    bits, kind = label.whole("IMAGE.SAMPLE_BITS"), label.text("IMAGE.SAMPLE_TYPE").upper()
    if bits not in (8, 16) or kind not in _TYPES:
        raise OrbitileError(
            f"{label.path}: SAMPLE_BITS {bits} and SAMPLE_TYPE {kind} are not of a raw image; allowed are 8 and 16 "
            f"bits of {', '.join(_TYPES)}"
        )
    # Bytes are unsigned whatever the label calls them: NAC labels say LSB_INTEGER, and ISIS reads them unsigned too.
    dtype = "u1" if bits == 8 else f"{_TYPES[kind]}2"
    prefix, suffix = (_or(label, f"IMAGE.LINE_{side}_BYTES", 0) for side in ("PREFIX", "SUFFIX"))
    line_bytes = prefix + label.whole("IMAGE.LINE_SAMPLES") * (bits // 8) + suffix
    _check_records(label, line_bytes)
    return Layout(first_byte, line_bytes, prefix + left * (bits // 8), dtype)


def _check_records(label: Label, line_bytes: int) -> None:
    """Refuse a label whose records are not lines; of MDIS, where neither is a multiple of the other.

    FILE_RECORDS is no witness: it is often left as it was when an image is cut.
    """
    if not label.has("RECORD_BYTES") or label.text("RECORD_TYPE").upper() != "FIXED_LENGTH":
        return
    record = max(label.whole("RECORD_BYTES"), 1)
    fit = record == line_bytes or (label.has("MESS:FPU_BIN") and 0 in (line_bytes % record, record % line_bytes))
    if not fit:
        raise OrbitileError(
            f"{label.path}: LINE_SAMPLES and SAMPLE_BITS make lines of {line_bytes} bytes, but RECORD_BYTES is "
            f"{record}; is it the label of another image?"
        )


def _or(label: Label, key: str, default: int) -> int:
    return label.whole(key) if label.has(key) else default


def _one_of(label: Label, key: str, allowed: tuple[int, ...]) -> int:
    value = label.whole(key)
    if value not in allowed:
        raise OrbitileError(f"{label.path}: {key} is {value} in the label, where one of {allowed} is allowed")
    return value


def _check_samples(label: Label, samples: int, expected: int) -> None:
    """Refuse lines that are not whole: which samples they lack stands nowhere in the label."""
    if samples != expected:
        raise OrbitileError(
            f"{label.path}: LINE_SAMPLES is {samples}, but whole lines of this instrument and summing have "
            f"{expected}; give the whole product, because where a part lies on the detector is not known"
        )


def _ctx(label: Label, samples: int) -> Columns:
    """Columns of CTX: 5000 detector samples lie between 38 dark ones and 18 more, together 5056.

    As mroctx2isis cuts them: with SAMPLE_FIRST_PIXEL 0 38 columns on the left and 18 on the right (19 and 9 when
    summed), else 16 (8) on the left alone. ISIS' camera sees SAMPLE_FIRST_PIXEL, counted from 0, in the first column
    that is left, so that samples are counted without the dark ones. (ctxcal, against its own camera, counts a
    SAMPLE_FIRST_PIXEL above 0 with them: such images may be 38 samples off.) Nothing is flipped.
    """
    factor = "SPATIAL_SUMMING" if label.has("SPATIAL_SUMMING") else "SAMPLING_FACTOR"
    edit = "EDIT_MODE_ID" if label.has("EDIT_MODE_ID") else "SAMPLE_FIRST_PIXEL"
    summing, first = _one_of(label, factor, (1, 2)), int(label.text(edit))
    if first:
        return Columns(16 // summing, 0, float(first), summing)
    _check_samples(label, samples, CTX_SAMPLES // summing)
    return Columns(38 // summing, 18 // summing, 0.0, summing)


def _hirise(label: Label, samples: int) -> Columns:
    """Columns of HiRISE: a file is one of two channels of a CCD of 2048 samples, channel 0 being the right half.

    The buffer pixels (prefix) and dark pixels (suffix) of each line are no columns. hi2isis flips nothing;
    HiriseCamera begins channel 0 at sample 1025, counted from 1.
    """
    summing = _one_of(label, "MRO:BINNING", (1, 2, 3, 4, 8, 16))
    _check_samples(label, samples, HIRISE_SAMPLES // summing)
    channel = _one_of(label, "MRO:CHANNEL_NUMBER", (0, 1))
    return Columns(0, 0, 0.0 if channel else float(HIRISE_SAMPLES), summing)


def _nac(label: Label, samples: int) -> Columns:
    """Columns of a NAC: 5064 samples, at both ends behind a mask.

    Of the left camera 42 samples at the beginning and 23 at the end see no ground, of the right one 24 and 40: ISIS'
    lronacecho begins the left image at sample 42 and ends the right one at 5024, the instrument kernel's fields of
    view end 39.3, 22.7, 23.7 and 39.3 samples inside, and real lines of the left camera are lit from 42 to 5040.
    The right detector is read from its other end; products are turned round since version 1.3. lronac2isis
    turns older ones round, we do not: their columns are `mirrored`. That the spacecraft flies backwards half of the
    year turns no image round, neither there nor here: the attitude says so.
    """
    summing = _one_of(label, "CROSSTRACK_SUMMING", (1, 2))
    _check_samples(label, samples, NAC_SAMPLES // summing)
    left, right = (42, 23) if label.text("FRAME_ID").upper() == "LEFT" else (24, 40)
    left, right = -(-left // summing), -(-right // summing)
    if not _is_mirrored(label):
        return Columns(left, right, float(left * summing), summing)
    return Columns(right, left, float(NAC_SAMPLES - right * summing), summing, mirrored=True)


def _is_mirrored(label: Label) -> bool:
    """Whether a NAC image is of the right camera and older than version 1.3."""
    if label.text("FRAME_ID").upper() != "RIGHT":
        return False
    version = label.text("PRODUCT_VERSION_ID").lower().removeprefix("v")
    try:
        return float(version) < 1.3
    except ValueError as error:
        raise OrbitileError(
            f"{label.path}: PRODUCT_VERSION_ID is {version!r}, where a number such as v1.8 is allowed: it says "
            "whether the image is mirrored"
        ) from error


def _mdis(label: Label, samples: int) -> Columns:
    """Columns of MDIS' narrow-angle camera: a frame of 1024 x 1024, whose first four columns are masked.

    Lines are summed as columns are: twice by MESS:FPU_BIN, by MESS:PIXELBIN after that. Subframes and jail bars are
    put back into the whole frame in the archive; what lies outside is 0. mdis2isis flips nothing. ISIS' camera no
    longer shifts images binned by the FPU (the instrument kernel's FPUBIN_START_SAMPLE and _LINE).
    """
    summing = (1 + _one_of(label, "MESS:FPU_BIN", (0, 1))) * max(_one_of(label, "MESS:PIXELBIN", (0, 1, 2, 4, 8)), 1)
    _check_samples(label, samples, MDIS_SAMPLES // summing)
    left = -(-4 // summing)
    return Columns(left, 0, float(left * summing), summing)


_COLUMNS: dict[str, Callable[[Label, int], Columns]] = {
    "CTX": _ctx, "HIRISE": _hirise, "LROC_NACL": _nac, "LROC_NACR": _nac, "MDIS_NAC": _mdis,
}  # fmt: skip
