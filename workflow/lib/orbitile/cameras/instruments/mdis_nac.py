"""The narrow-angle camera of MESSENGER's Mercury Dual Imaging System: one frame at a time."""

import numpy as np

from orbitile.cameras import spice
from orbitile.cameras.distortion import Cubic
from orbitile.cameras.instruments.instrument import Instrument, Moment, boresight, focal_plane
from orbitile.cameras.instruments.missions import MESSENGER
from orbitile.cameras.optics import Detector, Optics
from orbitile.raw.products import RawProduct

CODE = -236820
CLOCK = -236


def _optics(product: RawProduct) -> Optics:
    """The focal length grows with the focal plane's temperature (degrees Celsius)."""
    temperature = product.label.number("FOCAL_PLANE_TEMPERATURE")
    focal_mm = np.polynomial.polynomial.polyval(temperature, spice.numbers(f"INS{CODE}_FL_TEMP_COEFFS"))
    of_x, of_y = (tuple(spice.numbers(f"INS{CODE}_OD_T_{axis}", 10)) for axis in "XY")
    sample, line = boresight(CODE)
    return Optics(float(focal_mm), Cubic(of_x, of_y), (sample, line - 0.5), *focal_plane(CODE))


def _detector(product: RawProduct) -> Detector:
    """Rows are summed as columns are, and none is left out."""
    return Detector(product.first_sample, 0.0, product.summing)


def _exposure(product: RawProduct) -> Moment:
    start = spice.clock_time(CLOCK, product.label.text("SPACECRAFT_CLOCK_START_COUNT"))
    return Moment(start + product.label.number("EXPOSURE_DURATION", "s") / 2)


MDIS_NAC = Instrument(MESSENGER, CODE, "MSGR_MDIS_NAC", 300.0, _optics, _detector, _exposure)
