"""The Narrow Angle Cameras, left and right, of the Lunar Reconnaissance Orbiter."""

from functools import partial

from orbitile.cameras import spice
from orbitile.cameras.distortion import AlongLine
from orbitile.cameras.instruments.instrument import (
    Instrument,
    Line,
    across,
    boresight,
    even_lines,
    focal_plane,
)
from orbitile.cameras.instruments.missions import LRO
from orbitile.cameras.optics import Optics
from orbitile.raw.products import RawProduct

CLOCK = -85
# What ISIS' addendum to the instrument kernel says, for those who have only NAIF's kernels.
PREROLL_LINES = 1024
LINE_TIME_ERROR = 0.0045


def _optics(code: int, product: RawProduct) -> Optics:
    distortion = AlongLine(spice.number(f"INS{code}_OD_K"))
    return Optics(spice.number(f"INS{code}_FOCAL_LENGTH"), distortion, boresight(code), *focal_plane(code))


def _exposure(code: int, product: RawProduct) -> Line:
    """The image begins a pre-roll of lines after the count of the label; lines last longer than commanded."""
    key = f"INS{code}_"
    rate = product.label.number("LINE_EXPOSURE_DURATION", "s")
    rate *= 1 + spice.number(key + "MULTIPLI_LINE_ERROR", LINE_TIME_ERROR)
    rate += spice.number(key + "ADDITIVE_LINE_ERROR", 0.0)
    start = spice.clock_time(CLOCK, product.label.text("LRO:SPACECRAFT_CLOCK_PREROLL_COUNT"))
    start += spice.number(key + "ADDITIONAL_PREROLL", PREROLL_LINES) * rate
    return even_lines(start + spice.number(key + "CONSTANT_TIME_OFFSET", 0.0), rate)


def _of(code: int, frame: str) -> Instrument:
    optics, exposure = partial(_optics, code), partial(_exposure, code)
    return Instrument(LRO, code, frame, 20.0, optics, across, exposure, correction="NONE")


LEFT = _of(-85600, "LRO_LROCNACL")
RIGHT = _of(-85610, "LRO_LROCNACR")
