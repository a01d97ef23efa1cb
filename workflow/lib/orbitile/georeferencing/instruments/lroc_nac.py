"""The Narrow Angle Cameras (LROC NAC), left and right, of the Lunar Reconnaissance Orbiter."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.cameras import spice
from orbitile.georeferencing.cameras.distortion import AlongLine
from orbitile.georeferencing.cameras.optics import Optics
from orbitile.georeferencing.instruments.instrument import Instrument
from orbitile.georeferencing.instruments.spice_camera import (
    LineExposure,
    Mission,
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

LRO = Mission("LRO", -85000, "MOON", ("MOON_ME", "IAU_MOON"), fallback_m=150.0)
"""The first frame is the mean-Earth frame of the lunar ephemeris; without its kernels positions are 75 to 150 m off."""

CLOCK = -85
# Values of ISIS' addendum to the instrument kernel, where only NAIF's kernels are loaded.
PREROLL_LINES = 1024
LINE_TIME_ERROR = 0.0045

SAMPLES = 5064
"""Detector samples in a complete line, with those behind the mask."""

HIGHEST = 4095
"""The highest count, of 12 bits."""

ECHO = 0.326
"""Share of a pixel's signal that the next pixel of its readout channel repeats: lronacecho's DELTA."""

ECHO_RAMP = 20
"""Detector samples over which the echo correction sets in at the edge of the image: lronacecho's SMOOTHINGROWS."""


def _columns(label: PvlLabel, samples: int) -> Columns:
    """5064 samples, at both ends behind a mask.

    Of the left camera 42 samples at the beginning and 23 at the end see no ground, of the right one 24 and 40: ISIS'
    lronacecho begins the left image at sample 42 and ends the right one at 5024, the instrument kernel's fields of
    view end 39.3, 22.7, 23.7 and 39.3 samples inside, and real lines of the left camera are lit from 42 to 5040.
    The right detector is read from its other end; products are turned round since version 1.3. lronac2isis
    turns older ones round; here their columns are `mirrored`. That the spacecraft flies backwards half of the
    year turns no image round, neither there nor here: the attitude says so.
    """
    summing = label.integer("CROSSTRACK_SUMMING", allowed=(1, 2))
    check_line_samples(label, samples, SAMPLES // summing)
    left, right = (42, 23) if label.text("FRAME_ID").upper() == "LEFT" else (24, 40)
    left, right = -(-left // summing), -(-right // summing)
    if not _is_mirrored(label):
        return Columns(left, right, float(left * summing), summing)
    return Columns(right, left, float(SAMPLES - right * summing), summing, mirrored=True)


def _is_mirrored(label: PvlLabel) -> bool:
    """Whether an image is of the right camera and older than version 1.3."""
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


def nac_decompanding_table(label: PvlLabel) -> np.ndarray:
    """The middle of the bin of counts that became a byte, as lronac2isis computes it from the label; see RawFormat.

    A camera compands counts x from XTERM[i] on as floor(BTERM[i] + MTERM[i] x), LROC SOC specification, appendix B.
    """
    keys = ("LRO:XTERM", "LRO:MTERM", "LRO:BTERM")
    starts, slopes, shifts = terms = [label.numbers(key) for key in keys]
    if len({term.shape for term in terms}) != 1 or starts.ndim != 1 or not (slopes > 0).all():
        values = ", ".join(f"{key} {term.tolist()}" for key, term in zip(keys, terms, strict=True))
        raise OrbitileError(
            f"{label.path}: {values} do not decompand it; allowed are three lists of one length, with an MTERM above 0"
        )
    stored = np.arange(256.0)
    segment = _segments(stored, starts, slopes, shifts)
    start, slope, shift = starts[segment], slopes[segment], shifts[segment]
    following = np.minimum(segment + 1, len(starts) - 1)
    end = np.where(segment + 1 < len(starts), starts[following], np.inf)
    upper = np.minimum((stored + 1 - shift) / slope - 1, HIGHEST)
    is_beyond = np.trunc(shifts[following] + slopes[following] * upper) != stored
    upper = np.where((upper >= end) & is_beyond, end - 1, upper)
    lower = np.maximum((stored - shift) / slope, start)
    return np.where(stored < starts[0], stored, (upper + lower) / 2)


def _segments(stored: np.ndarray, starts: np.ndarray, slopes: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """The segment of the companding line that each stored byte lies on: the first whose end is beyond it."""
    segment = np.zeros(len(stored), int)
    for i in range(1, len(starts)):
        is_beyond = (segment == i - 1) & ((stored - shifts[i - 1]) / slopes[i - 1] >= starts[i])
        segment[is_beyond] = i
    return segment


@dataclass(frozen=True)
class Echo:
    """The echo: pixel i repeats `share` of the pixel `step` columns before it, in the order of readout.

    As ISIS' lronacecho: the share is subtracted one pixel after another, setting in over `ramp` columns, and lines
    are scaled by 1 + share. lronacecho also begins with the masked columns, which changes our first `step`
    columns by less than 0.2 % of the dark level. Next to invalid pixels nothing is changed.
    """

    step: int
    from_right: bool = False
    share: float = ECHO
    ramp: int = ECHO_RAMP

    def apply(self, counts: np.ndarray, valid: np.ndarray) -> np.ndarray:
        """See orbitile.georeferencing.raw.corrections.Correction."""
        order = slice(None, None, -1 if self.from_right else 1)
        columns, is_valid = (np.ascontiguousarray(a[:, order].T) for a in (counts.astype(np.float32), valid))
        share = self._shares(len(columns))
        has_echo = np.zeros_like(is_valid)
        has_echo[self.step :] = is_valid[self.step :] & is_valid[: -self.step]
        for i in range(self.step, len(columns)):
            columns[i] -= np.where(has_echo[i], share[i] * columns[i - self.step], 0)
        columns *= np.where(has_echo, 1 + share[:, None], 1)
        return np.ascontiguousarray(columns.T[:, order])

    def _shares(self, width: int) -> np.ndarray:
        """The share that is subtracted in each column (width), counted from the edge where readout begins."""
        along = np.minimum(np.arange(width, dtype=np.float32) / max(self.ramp, 1), 1)
        return (self.share / 2 * (1 - np.cos(np.pi * along))).astype(np.float32)


def product_echo(product: RawProduct) -> Echo:
    """The echo of an image: two columns on, or one if summed; the right camera is read from the right.

    Products of the right camera that are not turned round (`mirrored`) are read from the left, like the left one.
    """
    from_right = product.instrument == LROC_NACR.name and not product.columns.mirrored
    return Echo(2 if product.summing == 1 else 1, from_right, ramp=ECHO_RAMP // product.summing)


def _corrections(product: RawProduct) -> Sequence[CorrectionMeasurement]:
    """Summed images have no difference of odd and even columns: a column has samples of both channels."""
    channels = [measure_odd_even] if product.summing == 1 else []
    # The echo's size is known; nothing of it is measured on the image.
    return [lambda counts, valid: product_echo(product), *channels, measure_stripes]


def _optics(code: int, product: RawProduct) -> Optics:
    distortion = AlongLine(spice.kernel_number(f"INS{code}_OD_K"))
    return Optics(spice.kernel_number(f"INS{code}_FOCAL_LENGTH"), distortion, boresight(code), *focal_plane(code))


def _exposure(code: int, product: RawProduct) -> LineExposure:
    """The image begins a pre-roll of lines after the count of the label; lines last longer than commanded."""
    key = f"INS{code}_"
    line_s = product.label.number("LINE_EXPOSURE_DURATION", "s")
    line_s *= 1 + spice.kernel_number(key + "MULTIPLI_LINE_ERROR", LINE_TIME_ERROR)
    line_s += spice.kernel_number(key + "ADDITIVE_LINE_ERROR", 0.0)
    start = spice.clock_time(CLOCK, product.label.text("LRO:SPACECRAFT_CLOCK_PREROLL_COUNT"))
    start += spice.kernel_number(key + "ADDITIONAL_PREROLL", PREROLL_LINES) * line_s
    return even_lines(start + spice.kernel_number(key + "CONSTANT_TIME_OFFSET", 0.0), line_s)


def _camera(side: str, code: int) -> Instrument:
    """The camera of a side, LEFT or RIGHT, with its NAIF id."""
    letter = side[0]
    optics, exposure = partial(_optics, code), partial(_exposure, code)
    return Instrument(
        name=f"LROC_NAC{letter}",
        label_values={"INSTRUMENT_ID": "LROC", "FRAME_ID": side},
        # ISIS takes 0 as a count; the dark level of about 18 keeps real pixels from it.
        raw=RawFormat(_columns, _corrections, nac_decompanding_table),
        camera=SpiceCamera(
            LRO, code, f"LRO_LROCNAC{letter}", 20.0, optics, detector_column, exposure, correction="NONE"
        ),
        isis=IsisPrograms("lronac2isis", ("lronaccal", "lronacecho")),
    )


LROC_NACL = _camera("LEFT", -85600)
LROC_NACR = _camera("RIGHT", -85610)
