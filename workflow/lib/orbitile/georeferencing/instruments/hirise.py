"""HiRISE of the Mars Reconnaissance Orbiter: one channel of one of its 14 CCDs.

Lines are displaced by time-delay integration: charge travels with the image over up to 128 detector lines. What a line
shows was seen, on average, from the middle of those, and half their time earlier than its readout. Formulas as in the
camera model of USGS ISIS.
"""

from collections.abc import Sequence

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.cameras import spice
from orbitile.georeferencing.cameras.distortion import Radial
from orbitile.georeferencing.cameras.optics import Detector, Optics
from orbitile.georeferencing.instruments.instrument import Instrument
from orbitile.georeferencing.instruments.mro import MRO
from orbitile.georeferencing.instruments.spice_camera import (
    LineExposure,
    SpiceCamera,
    detector_column,
    even_lines,
    focal_plane,
)
from orbitile.georeferencing.isis.sequences import IsisPrograms
from orbitile.georeferencing.raw.correction import CorrectionMeasurement
from orbitile.georeferencing.raw.corrections import measure_stripes
from orbitile.georeferencing.raw.label import PvlLabel
from orbitile.georeferencing.raw.products import Columns, RawFormat, RawProduct, check_line_samples

CODE = -74699
CLOCK = -74999
"""The clock that counts in 1/65536 s."""
CCD_OF_CPMM = (0, 1, 2, 3, 12, 4, 10, 11, 5, 13, 6, 7, 8, 9)
"""CCD by number of its processing and memory module."""
CCD_LINES, CCD_SAMPLES = 128, 2048

CHANNEL_SAMPLES = 1024
"""Detector samples in a complete line of a channel, which is half a CCD."""

HIGHEST = 2**14 - 1
"""The highest count, of 14 bits."""

LOOKUP_TABLE = "MRO:LOOKUP_CONVERSION_TABLE"


def _columns(label: PvlLabel, samples: int) -> Columns:
    """A file is one of two channels of a CCD of 2048 samples, channel 0 being the right half.

    The buffer pixels (prefix) and dark pixels (suffix) of each line are no columns. hi2isis flips nothing;
    HiriseCamera begins channel 0 at sample 1025, counted from 1.
    """
    summing = label.integer("MRO:BINNING", allowed=(1, 2, 3, 4, 8, 16))
    check_line_samples(label, samples, CHANNEL_SAMPLES // summing)
    channel = label.integer("MRO:CHANNEL_NUMBER", allowed=(0, 1))
    return Columns(0, 0, 0.0 if channel else float(CHANNEL_SAMPLES), summing)


def hirise_decompanding_table(label: PvlLabel) -> np.ndarray | None:
    """The middle of the range of counts that became a byte, as hi2isis takes it; see RawFormat.

    ((0, 0)) stands for no table.
    """
    if not label.has(LOOKUP_TABLE):
        return None
    ranges = label.numbers(LOOKUP_TABLE)
    if ranges.shape == (1, 2) and not ranges.any():
        return None
    if ranges.ndim != 2 or ranges.shape[1] != 2 or len(ranges) > 256:
        raise OrbitileError(
            f"{label.path}: {LOOKUP_TABLE} has the shape {ranges.shape}, where up to 256 pairs are allowed; fetch it "
            "again"
        )
    table = np.full(256, np.nan)
    table[: len(ranges)] = np.where((ranges >= 0).all(axis=1), ranges.mean(axis=1), np.nan)
    return table


def _is_valid(stored: np.ndarray) -> np.ndarray:
    """Gaps are 0xFF.., saturated pixels 254 or 16383, as in hi2isis; 0 is the low end.

    The last pixel before a gap of 16 bits may have lost its low byte.
    """
    saturated = 254 if stored.dtype.itemsize == 1 else HIGHEST
    return (stored > 0) & (stored < saturated)


def _is_complete_line(lines: np.ndarray) -> np.ndarray:
    """Lines that arrived on the ground begin with 19 bits 1111111100000000111 (their label says so)."""
    return (lines[:, 0] == 0xFF) & (lines[:, 1] == 0) & (lines[:, 2] >> 5 == 0b111)


def _corrections(product: RawProduct) -> Sequence[CorrectionMeasurement]:
    return [measure_stripes]


def _optics(product: RawProduct) -> Optics:
    """The focal plane of the product's CCD, whose coordinates count from the CCD's middle."""
    ccd = CCD_OF_CPMM[product.label.integer("MRO:CPMM_NUMBER")]
    distortion = Radial(spice.kernel_triple(f"INS{CODE}_OD_K"))
    centre = CCD_SAMPLES / 2, 0.0
    return Optics(spice.kernel_number(f"INS{CODE}_FOCAL_LENGTH"), distortion, centre, *focal_plane(-74600 - ccd))


def _detector(product: RawProduct) -> Detector:
    stages = product.label.integer("MRO:TDI")
    return detector_column(product, stages / 2 - CCD_LINES / 2)


def _exposure(product: RawProduct) -> LineExposure:
    label = product.label
    unbinned_s = (74 + label.number("MRO:DELTA_LINE_TIMER_COUNT") / 16) / 1e6
    start = spice.clock_time(CLOCK, label.text("SPACECRAFT_CLOCK_START_COUNT"))
    start -= unbinned_s * (label.integer("MRO:TDI") / 2 - 0.5)
    start += unbinned_s * (product.summing / 2 - 0.5)
    return even_lines(start, unbinned_s * product.summing)


HIRISE = Instrument(
    name="HIRISE",
    label_values={"INSTRUMENT_ID": "HIRISE"},
    raw=RawFormat(
        _columns, _corrections, hirise_decompanding_table, _is_valid, _is_complete_line, highest_count=HIGHEST
    ),
    camera=SpiceCamera(MRO, CODE, "MRO_HIRISE_OPTICAL_AXIS", 100.0, _optics, _detector, _exposure, addendum_m=115.0),
    isis=IsisPrograms("hi2isis", ("hical",)),
)
