"""The camera of a raw product by SPICE kernels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from orbitile.georeferencing.cameras import spice
from orbitile.georeferencing.cameras.camera import Camera
from orbitile.georeferencing.cameras.frame import FrameCamera
from orbitile.georeferencing.cameras.line_scan import LineScanCamera
from orbitile.georeferencing.cameras.spice_kernels import loaded_kernels
from orbitile.georeferencing.cameras.surfaces import Ellipsoid
from orbitile.georeferencing.instruments.registry import find_instrument
from orbitile.georeferencing.instruments.spice_camera import FrameExposure, LineExposure, SpiceCamera
from orbitile.georeferencing.raw.products import RawProduct

NODE_ROWS = 10
"""Rows from one time to the next at which SPICE is asked: between two, turns are even and paths cubic."""
MIN_NODES = 401


@dataclass(frozen=True)
class CameraGeometry:
    """A camera, its body's ellipsoid, how far off (m) positions usually are, terrain apart, and the Sun's direction.

    The latter is a body-fixed unit vector (3), None where no kernel has the Sun.
    """

    camera: Camera
    ellipsoid: Ellipsoid
    error_m: float
    sun: np.ndarray | None = None


def camera_geometry(product: RawProduct, kernels: Path) -> CameraGeometry:
    """The camera of a raw product.

    `kernels` is a meta-kernel or a folder of kernels. OrbitileError where these do not cover the image's time (with
    what is needed and what there is), lack a keyword, or belong to another mission.
    """
    instrument = find_instrument(product.instrument).camera
    mission = instrument.mission
    with loaded_kernels(kernels):
        exposure = instrument.exposure(product)
        needed = _needed(exposure, product)
        spice.check_positions(kernels, mission.spacecraft, needed)
        for code in sorted({mission.attitude, spice.attitude_structure(instrument.frame)}, reverse=True):
            spice.check_attitudes(kernels, mission.spacecraft, code, needed)
        request = instrument.motion_request(exposure.epoch)
        ellipsoid = spice.body_ellipsoid(mission.body)
        sun = spice.sun_direction(request, (needed.start + needed.stop) / 2)
        camera = _camera(product, instrument, exposure, request)
        return CameraGeometry(camera, ellipsoid, instrument.position_error_m(request.body_frame), sun)


def _needed(exposure: LineExposure | FrameExposure, product: RawProduct) -> spice.TimeSpan:
    """The time that kernels must cover."""
    if isinstance(exposure, FrameExposure):
        return spice.TimeSpan(exposure.epoch, exposure.epoch)
    first, last = exposure.times.at(np.array([0.0, product.height]))
    return spice.TimeSpan(exposure.epoch + float(first), exposure.epoch + float(last))


def _camera(
    product: RawProduct,
    instrument: SpiceCamera,
    exposure: LineExposure | FrameExposure,
    request: spice.MotionRequest,
) -> LineScanCamera | FrameCamera:
    optics, detector = instrument.optics(product), instrument.detector(product)
    if isinstance(exposure, FrameExposure):
        motion = spice.camera_motion(request, np.array([exposure.epoch]), exposure.epoch)
        positions, rotations = motion.at(np.zeros(1))
        return FrameCamera(product.width, product.height, optics, detector, positions[0], rotations[0])
    needed = _needed(exposure, product)
    times = np.linspace(needed.start, needed.stop, max(MIN_NODES, product.height // NODE_ROWS))
    motion = spice.camera_motion(request, times, exposure.epoch)
    return LineScanCamera(product.width, product.height, optics, detector, exposure.times, motion)
