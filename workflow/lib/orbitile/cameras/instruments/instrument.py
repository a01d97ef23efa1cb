"""What all instruments have in common, and what SPICE is asked for each."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from orbitile.cameras import spice
from orbitile.cameras.line_scan import LineTimes
from orbitile.cameras.optics import Detector, Optics
from orbitile.raw.products import RawProduct


@dataclass(frozen=True)
class Mission:
    """A spacecraft around a body: NAIF names and ids, and the body's frames, the best first.

    `fallback_m` is how far off places are in the last frame, where it is not the only one.
    """

    spacecraft: str
    attitude: int
    body: str
    frames: tuple[str, ...]
    fallback_m: float = 0.0


class Line(NamedTuple):
    """How a line scanner took an image: its rows' ephemeris times, and their epoch (s)."""

    times: LineTimes
    epoch: float


class Moment(NamedTuple):
    """The ephemeris time (s) of the middle of a framing camera's exposure."""

    epoch: float


@dataclass(frozen=True)
class Instrument:
    """An instrument: its mission, NAIF id and frame, and how its image is made out of label and kernels.

    `error_m` is how far off places usually are with reconstructed kernels, terrain apart; `correction` for light's time
    and aberration counts where the kernels name none. `addendum_m` is how far off places are besides where ISIS'
    addendum to the instrument kernel is missing.
    """

    mission: Mission
    code: int
    frame: str
    error_m: float
    optics: Callable[[RawProduct], Optics]
    detector: Callable[[RawProduct], Detector]
    exposure: Callable[[RawProduct], Line | Moment]
    correction: str = "LT+S"
    addendum_m: float = 0.0

    def off_m(self, body_frame: str) -> float:
        """How far off places usually are, terrain apart, with the frame of the body and the addenda there are."""
        frame_m = 0.0 if body_frame == self.mission.frames[0] else self.mission.fallback_m
        # Of keywords that cameras may need, ISIS' addenda alone have this one.
        addendum_m = 0.0 if spice.known(f"INS{self.code}_CK_FRAME_ID") else self.addendum_m
        return math.hypot(self.error_m, frame_m, addendum_m)

    def aim(self, time: float) -> spice.Aim:
        """Whose motion to ask SPICE for, as the instrument's kernels say."""
        key = f"INS{self.code}_"
        return spice.Aim(
            self.mission.spacecraft,
            self.mission.body,
            self.frame,
            spice.known_frame(self.mission.frames, time),
            spice.word(key + "LIGHTTIME_CORRECTION", self.correction),
            spice.word(key + "SWAP_OBSERVER_TARGET", "FALSE") == "TRUE",
            spice.word(key + "LT_SURFACE_CORRECT", "FALSE") == "TRUE",
        )


def focal_plane(code: int) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """The rows ITRANSS and ITRANSL of an instrument kernel: from mm in the focal plane to samples and lines."""
    return tuple(spice.numbers(f"INS{code}_ITRANSS", 3)), tuple(spice.numbers(f"INS{code}_ITRANSL", 3))


def boresight(code: int) -> tuple[float, float]:
    """Sample and line of the optical axis; kernels count samples from 1 in the first one's middle."""
    return spice.number(f"INS{code}_BORESIGHT_SAMPLE") - 0.5, spice.number(f"INS{code}_BORESIGHT_LINE")


def even_lines(start: float, rate: float) -> Line:
    """Lines at an even rate (s) from an ephemeris time on."""
    return Line(LineTimes((0.0,), (0.0,), (rate,)), start)


def across(product: RawProduct, line: float = 0.0) -> Detector:
    """The detector of a line scanner, of which one line sees; mirrored images run backwards along it."""
    way = -1 if product.columns.mirrored else 1
    return Detector(product.first_sample, line, way * product.summing)
