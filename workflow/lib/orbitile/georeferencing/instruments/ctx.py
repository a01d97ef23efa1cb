"""The Context Camera (CTX) of the Mars Reconnaissance Orbiter."""

from collections.abc import Sequence
from pathlib import Path

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.cameras import spice
from orbitile.georeferencing.cameras.distortion import Radial
from orbitile.georeferencing.cameras.optics import Optics
from orbitile.georeferencing.instruments.instrument import Instrument
from orbitile.georeferencing.instruments.mro import MRO
from orbitile.georeferencing.instruments.spice_camera import (
    LineExposure,
    SpiceCamera,
    boresight,
    detector_column,
    even_lines,
    focal_plane,
)
from orbitile.georeferencing.isis.sequences import IsisPrograms
from orbitile.georeferencing.raw.correction import CorrectionMeasurement
from orbitile.georeferencing.raw.corrections import measure_odd_even, measure_stripes
from orbitile.georeferencing.raw.label import PvlLabel
from orbitile.georeferencing.raw.products import Columns, RawFormat, RawProduct, check_line_samples

CODE = -74021
CLOCK = -74
"""The clock that counts in 1/256 s; -74999, in 1/65536 s, is HiRISE's."""

SAMPLES = 5056
"""Detector samples in a complete line, with the dark ones."""

SUMMING_KEYS = ("SPATIAL_SUMMING", "SAMPLING_FACTOR")
"""Pixels summed on board, by the older and the newer keyword; ISIS's mroctx2isis looks for them in this order."""

EVEN_ODD = "ctxevenodd"


def _columns(label: PvlLabel, samples: int) -> Columns:
    """5000 detector samples lie between 38 dark ones and 18 more, together 5056.

    As mroctx2isis cuts them: with SAMPLE_FIRST_PIXEL 0 38 columns on the left and 18 on the right (19 and 9 when
    summed), else 16 (8) on the left alone. ISIS' camera sees SAMPLE_FIRST_PIXEL, counted from 0, in the first column
    that remains, so that samples are counted without the dark ones. (ctxcal, against its own camera, counts a
    SAMPLE_FIRST_PIXEL above 0 with them: such images may be 38 samples off.) Nothing is flipped.
    """
    summing = label.integer(next(filter(label.has, SUMMING_KEYS), SUMMING_KEYS[-1]), allowed=(1, 2))
    first = int(label.text("EDIT_MODE_ID" if label.has("EDIT_MODE_ID") else "SAMPLE_FIRST_PIXEL"))
    if first:
        return Columns(16 // summing, 0, float(first), summing)
    check_line_samples(label, samples, SAMPLES // summing)
    return Columns(38 // summing, 18 // summing, 0.0, summing)


def _corrections(product: RawProduct) -> Sequence[CorrectionMeasurement]:
    """Summed images have no difference of odd and even columns: a column has samples of both."""
    return [measure_odd_even, measure_stripes] if product.summing == 1 else [measure_stripes]


def _optics(product: RawProduct) -> Optics:
    distortion = Radial(spice.kernel_triple(f"INS{CODE}_OD_K"))
    return Optics(spice.kernel_number(f"INS{CODE}_FOCAL_LENGTH"), distortion, boresight(CODE), *focal_plane(CODE))


def _exposure(product: RawProduct) -> LineExposure:
    """Summed lines take as many times the label's duration (MRO CTX software interface specification)."""
    line_s = product.label.number("LINE_EXPOSURE_DURATION", "s") * product.summing
    return even_lines(spice.clock_time(CLOCK, product.label.text("SPACECRAFT_CLOCK_START_COUNT")), line_s)


def skipped_programs(source: Path) -> frozenset[str]:
    """The program of ISIS that refuses an image summed on board: it has no difference of odd and even columns.

    OrbitileError where the image's label cannot be read or does not say whether it is summed.
    """
    label = PvlLabel.find_attached(source)
    if label is None:
        raise OrbitileError(f"{source}: does not begin with a PDS3 label; is it a raw image as archived?")
    key = next(filter(label.has, SUMMING_KEYS), None)
    if key is None:
        keys = " nor ".join(SUMMING_KEYS)
        raise OrbitileError(f"{source}: its label has neither {keys}; is it a CTX image as archived?")
    return frozenset() if label.integer(key) == 1 else frozenset([EVEN_ODD])


CTX = Instrument(
    name="CTX",
    label_values={"INSTRUMENT_ID": "CTX"},
    # The tables of its companding (SQROOT) are not in the labels. 0 is a gap, as mroctx2isis' FILLGAP has it.
    raw=RawFormat(_columns, _corrections),
    camera=SpiceCamera(MRO, CODE, "MRO_CTX", 100.0, _optics, detector_column, _exposure),
    isis=IsisPrograms("mroctx2isis", ("ctxcal", EVEN_ODD), skipped_programs),
)
