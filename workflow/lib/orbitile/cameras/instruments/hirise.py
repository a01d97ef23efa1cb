"""HiRISE of the Mars Reconnaissance Orbiter: one channel of one of its 14 CCDs.

Lines are displaced by time-delay integration: charge travels with the image over up to 128 detector lines. What a line
shows was seen, on average, from the middle of those, and half their time earlier than its readout. Formulas as in the
camera model of USGS ISIS.
"""

from orbitile.cameras import spice
from orbitile.cameras.distortion import Radial
from orbitile.cameras.instruments.instrument import Instrument, Line, across, even_lines, focal_plane
from orbitile.cameras.instruments.missions import MRO
from orbitile.cameras.optics import Detector, Optics
from orbitile.raw.products import RawProduct

CODE = -74699
CLOCK = -74999
"""The clock that counts in 1/65536 s."""
CCD_OF_CPMM = (0, 1, 2, 3, 12, 4, 10, 11, 5, 13, 6, 7, 8, 9)
"""CCD by number of its processing and memory module."""
CCD_LINES, CCD_SAMPLES = 128, 2048


def _optics(product: RawProduct) -> Optics:
    """The focal plane of the product's own CCD, whose coordinates count from the CCD's middle."""
    ccd = CCD_OF_CPMM[product.label.whole("MRO:CPMM_NUMBER")]
    k = tuple(spice.numbers(f"INS{CODE}_OD_K", 3))
    centre = CCD_SAMPLES / 2, 0.0
    return Optics(spice.number(f"INS{CODE}_FOCAL_LENGTH"), Radial(k), centre, *focal_plane(-74600 - ccd))


def _detector(product: RawProduct) -> Detector:
    stages = product.label.whole("MRO:TDI")
    return across(product, stages / 2 - CCD_LINES / 2)


def _exposure(product: RawProduct) -> Line:
    label = product.label
    unbinned = (74 + label.number("MRO:DELTA_LINE_TIMER_COUNT") / 16) / 1e6
    start = spice.clock_time(CLOCK, label.text("SPACECRAFT_CLOCK_START_COUNT"))
    start -= unbinned * (label.whole("MRO:TDI") / 2 - 0.5)
    start += unbinned * (product.summing / 2 - 0.5)
    return even_lines(start, unbinned * product.summing)


HIRISE = Instrument(MRO, CODE, "MRO_HIRISE_OPTICAL_AXIS", 100.0, _optics, _detector, _exposure, addendum_m=115.0)
