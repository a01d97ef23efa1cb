"""The Context Camera of the Mars Reconnaissance Orbiter."""

from orbitile.cameras import spice
from orbitile.cameras.distortion import Radial
from orbitile.cameras.instruments.instrument import (
    Instrument,
    Line,
    across,
    boresight,
    even_lines,
    focal_plane,
)
from orbitile.cameras.instruments.missions import MRO
from orbitile.cameras.optics import Optics
from orbitile.raw.products import RawProduct

CODE = -74021
CLOCK = -74
"""The clock that counts in 1/256 s; -74999, in 1/65536 s, is HiRISE's."""


def _optics(product: RawProduct) -> Optics:
    k = tuple(spice.numbers(f"INS{CODE}_OD_K", 3))
    return Optics(spice.number(f"INS{CODE}_FOCAL_LENGTH"), Radial(k), boresight(CODE), *focal_plane(CODE))


def _exposure(product: RawProduct) -> Line:
    """Summed lines take as many times the label's duration (MRO CTX software interface specification)."""
    rate = product.label.number("LINE_EXPOSURE_DURATION", "s") * product.summing
    return even_lines(spice.clock_time(CLOCK, product.label.text("SPACECRAFT_CLOCK_START_COUNT")), rate)


CTX = Instrument(MRO, CODE, "MRO_CTX", 100.0, _optics, across, _exposure)
