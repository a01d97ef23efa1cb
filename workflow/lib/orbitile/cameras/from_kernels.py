"""The camera of a raw product by SPICE kernels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orbitile.cameras import spice
from orbitile.cameras.camera import Camera
from orbitile.cameras.frame import FrameCamera
from orbitile.cameras.instruments.ctx import CTX
from orbitile.cameras.instruments.hirise import HIRISE
from orbitile.cameras.instruments.instrument import Instrument, Line, Moment
from orbitile.cameras.instruments.lroc_nac import LEFT, RIGHT
from orbitile.cameras.instruments.mdis_nac import MDIS_NAC
from orbitile.cameras.kernels import loaded
from orbitile.cameras.line_scan import LineScanCamera
from orbitile.cameras.surfaces import Ellipsoid
from orbitile.raw.products import RawProduct

INSTRUMENTS = {"CTX": CTX, "HIRISE": HIRISE, "LROC_NACL": LEFT, "LROC_NACR": RIGHT, "MDIS_NAC": MDIS_NAC}
NODE_ROWS = 10
"""Rows from one moment to the next at which SPICE is asked: between two, turns are even and paths cubic."""
LEAST_NODES = 401


@dataclass(frozen=True)
class Geometry:
    """A camera, its body's ellipsoid, how far off (m) places usually are, terrain apart, and the way to the Sun.

    That is a body-fixed unit vector (3), None where no kernel has the Sun.
    """

    camera: Camera
    ellipsoid: Ellipsoid
    error_m: float
    sun: np.ndarray | None = None


def geometry(product: RawProduct, kernels: Path) -> Geometry:
    """The camera of a raw product.

    `kernels` is a meta-kernel or a folder of kernels. OrbitileError where these do not cover the image's time (with
    what is needed and what there is), lack a keyword, or belong to another mission.
    """
    instrument = INSTRUMENTS[product.instrument]
    with loaded(kernels):
        exposure = instrument.exposure(product)
        needed = _needed(exposure, product)
        spice.check_positions(kernels, instrument.mission.spacecraft, needed)
        for code in sorted({instrument.mission.attitude, spice.structure(instrument.frame)}, reverse=True):
            spice.check_attitudes(kernels, instrument.mission.spacecraft, code, needed)
        camera = _line_scan if isinstance(exposure, Line) else _frame
        aim = instrument.aim(exposure.epoch)
        shape = spice.ellipsoid(instrument.mission.body)
        sun = spice.sun(aim, (needed.start + needed.stop) / 2)
        return Geometry(camera(product, instrument, exposure, aim), shape, instrument.off_m(aim.body_frame), sun)


def _needed(exposure: Line | Moment, product: RawProduct) -> spice.Span:
    if isinstance(exposure, Moment):
        return spice.Span(exposure.epoch, exposure.epoch)
    first, last = exposure.times.at(np.array([0.0, product.height]))
    return spice.Span(exposure.epoch + float(first), exposure.epoch + float(last))


def _line_scan(product: RawProduct, instrument: Instrument, exposure: Line, aim: spice.Aim) -> LineScanCamera:
    needed = _needed(exposure, product)
    times = np.linspace(needed.start, needed.stop, max(LEAST_NODES, product.height // NODE_ROWS))
    return LineScanCamera(
        product.width, product.height, instrument.optics(product), instrument.detector(product), exposure.times,
        spice.motion(aim, times, exposure.epoch),
    )  # fmt: skip


def _frame(product: RawProduct, instrument: Instrument, exposure: Moment, aim: spice.Aim) -> FrameCamera:
    positions, turned = spice.motion(aim, np.array([exposure.epoch]), exposure.epoch).at(np.zeros(1))
    optics, detector = instrument.optics(product), instrument.detector(product)
    return FrameCamera(product.width, product.height, optics, detector, positions[0], turned[0])
