"""What SPICE kernels cover, and what they say of motion and instruments.

All functions need kernels that are loaded (see orbitile.georeferencing.cameras.spice_kernels). They raise
MissingKernelDataError, or SPICE's own error, for what these do not hold; `loaded_kernels` makes OrbitileErrors of both.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import spiceypy
from scipy.spatial.transform import Rotation
from spiceypy.utils.exceptions import SpiceyError
from spiceypy.utils.support_types import SpiceCell

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.cameras.motion import Attitude, Motion, Trajectory
from orbitile.georeferencing.cameras.spice_kernels import MissingKernelDataError
from orbitile.georeferencing.cameras.surfaces import Ellipsoid

LIGHT_KM_S = 299792.458
ROUNDING_S = 1e-3
"""How far a kernel may fall short of the time needed: clocks tick less often."""
FIXED = 4
"""SPICE's class of frames that are fixed to others by a text kernel."""
MAX_SPAN_ENDS = 200_000
"""Room for the ends of the time spans of kernels; attitudes of a mission have gaps by the thousand."""
LISTED_SPANS = 4
"""Time spans that an error lists."""


@dataclass(frozen=True)
class TimeSpan:
    """A time from `start` to `stop`, in seconds of ephemeris time (TDB since J2000)."""

    start: float
    stop: float

    def covers(self, needed: "TimeSpan") -> bool:
        """Whether the time needed lies in it, but for the rounding of clocks."""
        return self.start <= needed.start + ROUNDING_S and needed.stop - ROUNDING_S <= self.stop

    def __str__(self) -> str:
        return " to ".join(spiceypy.et2utc(time, "ISOC", 3) for time in (self.start, self.stop))


@dataclass(frozen=True)
class MotionRequest:
    """Whose motion SPICE is asked for: spacecraft, body and frames by name, and how light time and aberration count.

    `correction`, `swapped` and `to_surface` are the keywords LIGHTTIME_CORRECTION, SWAP_OBSERVER_TARGET and
    LT_SURFACE_CORRECT of ISIS' instrument addenda. Swapped, the spacecraft observes the body; otherwise the body
    observes the spacecraft, which is wrong by tens of metres on the ground, but was usual before these keywords.
    `to_surface` counts only where swapped and corrected.
    """

    spacecraft: str
    body: str
    camera_frame: str
    body_frame: str
    correction: str = "LT+S"
    swapped: bool = False
    to_surface: bool = False


def clock_time(clock: int, count: str) -> float:
    """Ephemeris time (s) of a count of a spacecraft's clock (NAIF id); MissingKernelDataError if no kernel has it."""
    key = "SCLK_DATA_TYPE_"
    if not has_numbers(f"{key}{-clock}"):
        present = {-int(name.removeprefix(key)) for name in _keywords(key + "*")}
        raise MissingKernelDataError(
            f"the clock of {_body_names({clock})} is in none of them{_but_of(_body_names(present))}; add its .tsc"
        )
    return spiceypy.scs2e(clock, count)


def kernel_numbers(keyword: str, count: int | None = None) -> np.ndarray:
    """The numbers (count) of a keyword of a text kernel, or all; MissingKernelDataError where there are not as many."""
    numbers = spiceypy.gdpool(keyword, 0, count or 100) if has_numbers(keyword) else []
    if len(numbers) < (count or 1):
        source = "the .tpc" if keyword.startswith("BODY") else "the instrument's kernel (.ti), and ISIS' addendum to it"
        raise MissingKernelDataError(f"{keyword} is in none of them, or not with {count or 1} numbers; add {source}")
    return np.array(numbers)


def kernel_triple(keyword: str) -> tuple[float, float, float]:
    """Three numbers of a keyword of a text kernel; MissingKernelDataError where it has not as many."""
    first, second, third = kernel_numbers(keyword, 3).tolist()
    return first, second, third


def has_numbers(keyword: str) -> bool:
    """Whether a text kernel has numbers by a keyword."""
    return spiceypy.expool(keyword)


def kernel_number(keyword: str, default: float | None = None) -> float:
    """One number of a keyword of a text kernel, or a default where there is one."""
    return default if default is not None and not has_numbers(keyword) else float(kernel_numbers(keyword, 1)[0])


def kernel_word(keyword: str, default: str) -> str:
    """The first text of a keyword of a text kernel, in capitals; a default where it is missing, or not text."""
    with spiceypy.no_found_check():
        # Not expool, which sees numeric keywords only.
        texts, exists = spiceypy.gcpool(keyword, 0, 1)
    return texts[0].strip().upper() if exists else default


def body_ellipsoid(body: str) -> Ellipsoid:
    """A body's ellipsoid; MissingKernelDataError where no kernel (.tpc) has its radii."""
    radii = kernel_numbers(f"BODY{spiceypy.bods2c(body)}_RADII", 3) * 1000
    return Ellipsoid(float(radii[0]), float(radii[2]))


def first_available_frame(names: Sequence[str], time: float) -> str:
    """The first frame that the kernels can turn J2000 into at an ephemeris time; the last one without a check."""
    for name in names[:-1]:
        try:
            spiceypy.pxform("J2000", name, time)
            return name
        except SpiceyError:
            continue
    return names[-1]


def attitude_structure(frame: str) -> int:
    """NAIF id of the structure with attitudes in a CK that a frame is fixed to.

    MissingKernelDataError for a frame that is in no kernel.
    """
    code = spiceypy.namfrm(frame)
    if not code:
        raise MissingKernelDataError(f"the frame {frame} is in none of them; add the mission's .tf")
    _, kind, structure_code = spiceypy.frinfo(code)
    if kind != FIXED:
        return structure_code
    by_code, by_name = (f"TKFRAME_{key}_RELATIVE" for key in (structure_code, frame))
    return attitude_structure(kernel_word(by_code, kernel_word(by_name, "")))


def check_positions(kernels: Path, spacecraft: str, needed: TimeSpan) -> None:
    """OrbitileError with the time needed and the times covered where no SPK holds a spacecraft's positions."""
    code = spiceypy.bods2c(spacecraft)
    codes_by_file = {path: set(spiceypy.spkobj(path)) for path in _loaded_files("SPK")}
    spans = _united_coverage(codes_by_file, code, spiceypy.spkcov)
    present = _body_names(set().union(*codes_by_file.values()))
    _check_coverage(kernels, f"positions of {spacecraft} ({code})", needed, spans, present, ".bsp")


def check_attitudes(kernels: Path, name: str, code: int, needed: TimeSpan) -> None:
    """OrbitileError with the time needed and the times covered where no CK holds a structure's attitudes.

    `name` is that of the spacecraft, `code` the structure's NAIF id.
    """
    codes_by_file = {path: set(spiceypy.ckobj(path)) for path in _loaded_files("CK")}
    spans = _united_coverage(
        codes_by_file,
        code,
        lambda path, code, window: spiceypy.ckcov(path, code, False, "INTERVAL", 0.0, "TDB", window),
    )
    present = ", ".join(map(str, sorted(set().union(*codes_by_file.values()))))
    _check_coverage(kernels, f"attitudes of {name} ({code})", needed, spans, present, ".bc")


def _check_coverage(
    kernels: Path, data: str, needed: TimeSpan, spans: list[TimeSpan], present: str, suffix: str
) -> None:
    if any(span.covers(needed) for span in spans):
        return
    if spans:
        coverage = "the kernels have " + "; ".join(map(str, spans[:LISTED_SPANS]))
        coverage += f" and {len(spans) - LISTED_SPANS} more" if len(spans) > LISTED_SPANS else ""
    else:
        coverage = "no kernel has any" + _but_of(present)
    raise OrbitileError(
        f"{kernels}: {data} are needed from {needed} UTC, and {coverage}; add the {suffix} of that time"
    )


def _but_of(present: str) -> str:
    return f", but of {present}" if present else ""


def _loaded_files(kernel_type: str) -> list[str]:
    return [spiceypy.kdata(number, kernel_type)[0] for number in range(spiceypy.ktotal(kernel_type))]


def _united_coverage(codes_by_file: Mapping[str, set[int]], code: int, coverage: Callable) -> list[TimeSpan]:
    """The times that files cover of one object: where one file ends, another may continue."""
    window = SpiceCell.double(MAX_SPAN_ENDS)
    for path, codes in codes_by_file.items():
        if code in codes:
            coverage(path, code, window)
    return [TimeSpan(*spiceypy.wnfetd(window, number)) for number in range(spiceypy.wncard(window))]


def _keywords(template: str) -> list[str]:
    """The names of keywords of text kernels; a star in the template stands for anything."""
    with spiceypy.no_found_check():
        names, exists = spiceypy.gnpool(template, 0, 100)
    return list(names) if exists else []


def _body_names(codes: set[int]) -> str:
    return ", ".join(f"{spiceypy.bodc2s(code)} ({code})" for code in sorted(codes))


def sun_direction(request: MotionRequest, time: float) -> np.ndarray | None:
    """The body-fixed unit vector (3) to the Sun at an ephemeris time; None where no kernel has the Sun."""
    try:
        position, _ = spiceypy.spkpos("SUN", time, request.body_frame, "LT+S", request.body)
    except SpiceyError:
        return None
    return position / np.linalg.norm(position)


def camera_motion(request: MotionRequest, times: np.ndarray, epoch: float) -> Motion:
    """The camera's motion by SPICE at ephemeris times (n, s), with times counted from an epoch (ephemeris time)."""
    states = np.array([_state(request, time) for time in times]) * 1000
    return Motion(
        Trajectory(times - epoch, states[:, :3], states[:, 3:]),
        _attitude(request.camera_frame, "J2000", times, epoch),
        _attitude("J2000", request.body_frame, times, epoch),
    )


def _attitude(start: str, end: str, times: np.ndarray, epoch: float) -> Attitude:
    matrices = np.array([spiceypy.pxform(start, end, time) for time in times])
    return Attitude(times - epoch, Rotation.from_matrix(matrices))


def _state(request: MotionRequest, time: float) -> np.ndarray:
    """Position (km) and velocity (km/s) of the spacecraft from the body's centre in J2000 (6)."""
    if not request.swapped:
        return spiceypy.spkezr(request.spacecraft, time, "J2000", request.correction, request.body)[0]
    state, light_s = spiceypy.spkezr(request.body, time, "J2000", request.correction, request.spacecraft)
    if request.to_surface and request.correction != "NONE":
        # The surface is closer than the centre, by about a radius of the body.
        ellipsoid = body_ellipsoid(request.body)
        earlier = time - light_s + (ellipsoid.equatorial_m + ellipsoid.polar_m) / 2000 / LIGHT_KM_S
        spacecraft = spiceypy.spkezr(request.spacecraft, time, "J2000", "NONE", "SSB")[0]
        return spacecraft - spiceypy.spkezr(request.body, earlier, "J2000", "NONE", "SSB")[0]
    return -state
