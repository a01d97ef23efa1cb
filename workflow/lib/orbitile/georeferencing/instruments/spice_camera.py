"""How an instrument's camera is built from labels and SPICE kernels: the type, and helpers for several instruments."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from orbitile.georeferencing.cameras import spice
from orbitile.georeferencing.cameras.line_scan import LineTimes
from orbitile.georeferencing.cameras.optics import Detector, Optics, PlaneRow
from orbitile.georeferencing.raw.products import RawProduct


@dataclass(frozen=True)
class Mission:
    """A spacecraft around a body: NAIF names and ids, and the body's frames, the best first.

    `attitude` is the id of the structure whose attitudes are the spacecraft's. `fallback_m` is how far off positions
    on the ground are in the last of several frames.
    """

    spacecraft: str
    attitude: int
    body: str
    frames: tuple[str, ...]
    fallback_m: float = 0.0


class LineExposure(NamedTuple):
    """When a line scanner took an image: the times (s) of its rows after an epoch (ephemeris time, s)."""

    times: LineTimes
    epoch: float


class FrameExposure(NamedTuple):
    """When a framing camera took an image: the middle of the exposure (ephemeris time, s)."""

    epoch: float


@dataclass(frozen=True)
class SpiceCamera:
    """A camera: its mission, NAIF id and frame, and how optics, detector and times are read from label and kernels.

    `optics`, `detector` and `exposure` are called with kernels loaded; they raise MissingKernelDataError or
    OrbitileError. `error_m` is how far off positions on the ground usually are with reconstructed kernels, terrain
    apart; `addendum_m` how far off they are besides where ISIS' addendum to the instrument kernel is missing.
    `correction` for light time and aberration counts where the kernels name none.
    """

    mission: Mission
    code: int
    frame: str
    error_m: float
    optics: Callable[[RawProduct], Optics]
    detector: Callable[[RawProduct], Detector]
    exposure: Callable[[RawProduct], LineExposure | FrameExposure]
    correction: str = "LT+S"
    addendum_m: float = 0.0

    def position_error_m(self, body_frame: str) -> float:
        """How far off positions on the ground usually are, terrain apart, with a frame of the body.

        Kernels must be loaded.
        """
        frame_m = 0.0 if body_frame == self.mission.frames[0] else self.mission.fallback_m
        # Of keywords that cameras may need, ISIS' addenda alone have this one.
        addendum_m = 0.0 if spice.has_numbers(f"INS{self.code}_CK_FRAME_ID") else self.addendum_m
        return math.hypot(self.error_m, frame_m, addendum_m)

    def motion_request(self, time: float) -> spice.MotionRequest:
        """Whose motion to ask SPICE for at an ephemeris time, as the loaded kernels of the instrument say."""
        key = f"INS{self.code}_"
        return spice.MotionRequest(
            self.mission.spacecraft,
            self.mission.body,
            self.frame,
            spice.first_available_frame(self.mission.frames, time),
            spice.kernel_word(key + "LIGHTTIME_CORRECTION", self.correction),
            spice.kernel_word(key + "SWAP_OBSERVER_TARGET", "FALSE") == "TRUE",
            spice.kernel_word(key + "LT_SURFACE_CORRECT", "FALSE") == "TRUE",
        )


def focal_plane(code: int) -> tuple[PlaneRow, PlaneRow]:
    """The rows ITRANSS and ITRANSL of an instrument kernel: from mm in the focal plane to samples and lines."""
    return spice.kernel_triple(f"INS{code}_ITRANSS"), spice.kernel_triple(f"INS{code}_ITRANSL")


def boresight(code: int) -> tuple[float, float]:
    """Sample and line of the optical axis; kernels count samples from 1 in the first one's middle."""
    return spice.kernel_number(f"INS{code}_BORESIGHT_SAMPLE") - 0.5, spice.kernel_number(f"INS{code}_BORESIGHT_LINE")


def even_lines(start: float, line_s: float) -> LineExposure:
    """Lines that take `line_s` seconds each, from an ephemeris time (s) on."""
    return LineExposure(LineTimes((0.0,), (0.0,), (line_s,)), start)


def detector_column(product: RawProduct, line: float = 0.0) -> Detector:
    """The detector of a line scanner, of which one line sees; mirrored images run backwards along it.

    Samples are counted from the detector's outer edge (0); ISIS' samples, by their centres from 1, are these plus 0.5.
    """
    step = -product.summing if product.columns.mirrored else product.summing
    return Detector(product.first_sample, line, step)
