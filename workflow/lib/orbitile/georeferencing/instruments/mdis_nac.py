"""The narrow-angle camera of MESSENGER's Mercury Dual Imaging System (MDIS): one frame at a time."""

from collections.abc import Sequence

import numpy as np

from orbitile.georeferencing.cameras import spice
from orbitile.georeferencing.cameras.distortion import Cubic
from orbitile.georeferencing.cameras.optics import Detector, Optics
from orbitile.georeferencing.instruments.instrument import Instrument
from orbitile.georeferencing.instruments.spice_camera import (
    FrameExposure,
    Mission,
    SpiceCamera,
    boresight,
    focal_plane,
)
from orbitile.georeferencing.isis.sequences import IsisPrograms
from orbitile.georeferencing.raw.correction import CorrectionMeasurement
from orbitile.georeferencing.raw.label import PvlLabel
from orbitile.georeferencing.raw.products import Columns, RawFormat, RawProduct, check_line_samples

MESSENGER = Mission("MESSENGER", -236000, "MERCURY", ("IAU_MERCURY",))
CODE = -236820
CLOCK = -236

SAMPLES = 1024
"""Detector samples in a complete line, and lines in a frame."""

HIGHEST = 3400
"""Counts above this are saturated, as mdis2isis has it."""


def _columns(label: PvlLabel, samples: int) -> Columns:
    """A frame of 1024 x 1024, whose first four columns are masked.

    Lines are summed as columns are: twice by MESS:FPU_BIN, by MESS:PIXELBIN after that. Subframes and jail bars are
    put back into the complete frame in the archive; what lies outside is 0. mdis2isis flips nothing. ISIS' camera no
    longer shifts images binned by the FPU (the instrument kernel's FPUBIN_START_SAMPLE and _LINE).
    """
    by_fpu = 1 + label.integer("MESS:FPU_BIN", allowed=(0, 1))
    summing = by_fpu * max(label.integer("MESS:PIXELBIN", allowed=(0, 1, 2, 4, 8)), 1)
    check_line_samples(label, samples, SAMPLES // summing)
    left = -(-4 // summing)
    return Columns(left, 0, float(left * summing), summing)


def _is_valid(stored: np.ndarray) -> np.ndarray:
    """0 is a gap, as in mdis2isis."""
    return (stored > 0) & ((stored <= HIGHEST) | (stored.dtype.itemsize == 1))


def _record_fits_line(record_bytes: int, line_bytes: int) -> bool:
    """A record is a line, a part of one, or several lines."""
    return 0 in (line_bytes % record_bytes, record_bytes % line_bytes)


def _corrections(product: RawProduct) -> Sequence[CorrectionMeasurement]:
    """None: a column of a frame sees a thousand lines of one place, which stripes cannot be told from."""
    return []


def _optics(product: RawProduct) -> Optics:
    """The focal length grows with the focal plane's temperature (degrees Celsius)."""
    temperature = product.label.number("FOCAL_PLANE_TEMPERATURE")
    focal_mm = np.polynomial.polynomial.polyval(temperature, spice.kernel_numbers(f"INS{CODE}_FL_TEMP_COEFFS"))
    of_x, of_y = (tuple(spice.kernel_numbers(f"INS{CODE}_OD_T_{axis}", 10)) for axis in "XY")
    sample, line = boresight(CODE)
    return Optics(float(focal_mm), Cubic(of_x, of_y), (sample, line - 0.5), *focal_plane(CODE))


def _detector(product: RawProduct) -> Detector:
    """Rows are summed as columns are, and none is dropped."""
    return Detector(product.first_sample, 0.0, product.summing)


def _exposure(product: RawProduct) -> FrameExposure:
    start = spice.clock_time(CLOCK, product.label.text("SPACECRAFT_CLOCK_START_COUNT"))
    return FrameExposure(start + product.label.number("EXPOSURE_DURATION", "s") / 2)


MDIS_NAC = Instrument(
    name="MDIS_NAC",
    label_values={"INSTRUMENT_ID": "MDIS-NAC"},
    # The tables of its companding are not in the labels: bytes stay companded, which keeps their order.
    raw=RawFormat(
        _columns, _corrections, is_valid=_is_valid, highest_count=HIGHEST, record_fits_line=_record_fits_line
    ),
    camera=SpiceCamera(MESSENGER, CODE, "MSGR_MDIS_NAC", 300.0, _optics, _detector, _exposure),
    isis=IsisPrograms("mdis2isis", ("mdiscal",)),
)
