"""What loaded SPICE kernels (see orbitile.cameras.kernels) cover, and what they say of motion and instruments."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import spiceypy
from scipy.spatial.transform import Rotation
from spiceypy.utils.exceptions import SpiceyError
from spiceypy.utils.support_types import SpiceCell

from orbitile.cameras.kernels import LackingError
from orbitile.cameras.motion import Motion, Turning
from orbitile.cameras.motion import Path as FlightPath
from orbitile.cameras.surfaces import Ellipsoid
from orbitile.errors import OrbitileError

LIGHT_KM_S = 299792.458
ROUNDING_S = 1e-3
"""How far a kernel may fall short of the time asked for: clocks tick less often."""
FIXED = 4
"""SPICE's class of frames that are fixed to others by a text kernel."""
MOST_SPANS = 200_000
"""Room for the spans' ends of kernels; attitudes of a mission have gaps by the thousand."""


@dataclass(frozen=True)
class Span:
    """A time from `start` to `stop`, in seconds of ephemeris time (TDB since J2000)."""

    start: float
    stop: float

    def covers(self, other: "Span") -> bool:
        """Whether another lies in it, but for the rounding of clocks."""
        return self.start <= other.start + ROUNDING_S and other.stop - ROUNDING_S <= self.stop

    def __str__(self) -> str:
        return " to ".join(spiceypy.et2utc(one, "ISOC", 3) for one in (self.start, self.stop))


@dataclass(frozen=True)
class Aim:
    """Whose motion is asked for: names of spacecraft, body, and frames, and how light's time and aberration count.

    `correction`, `swapped` and `to_surface` are the keywords LIGHTTIME_CORRECTION, SWAP_OBSERVER_TARGET and
    LT_SURFACE_CORRECT of ISIS' instrument addenda. Swapped, the spacecraft observes the body; else it is the other way
    round, which is wrong by some tens of metres on the ground, but what was done before the keywords came.
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
    """Ephemeris time of a count of a spacecraft's clock, by its NAIF id; LackingError where no kernel has the clock."""
    key = "SCLK_DATA_TYPE_"
    if not known(f"{key}{-clock}"):
        held = {-int(name.removeprefix(key)) for name in _keywords(key + "*")}
        raise LackingError(f"the clock of {_named({clock})} is in none of them{_but(_named(held))}; add its .tsc")
    return spiceypy.scs2e(clock, count)


def numbers(keyword: str, count: int | None = None) -> np.ndarray:
    """The numbers of a keyword of a text kernel; LackingError where no loaded kernel has it, or not as many."""
    found = spiceypy.gdpool(keyword, 0, count or 100) if known(keyword) else []
    if len(found) < (count or 1):
        source = "the .tpc" if keyword.startswith("BODY") else "the instrument's kernel (.ti), and ISIS' addendum to it"
        raise LackingError(f"{keyword} is in none of them, or not with {count or 1} numbers; add {source}")
    return np.array(found)


def known(keyword: str) -> bool:
    """Whether a loaded text kernel has numbers by a keyword."""
    return spiceypy.expool(keyword)


def number(keyword: str, default: float | None = None) -> float:
    """One number of a keyword of a text kernel, or a default where there is one."""
    return default if default is not None and not known(keyword) else float(numbers(keyword, 1)[0])


def word(keyword: str, default: str) -> str:
    """One text of a keyword of a text kernel, in capitals; a default where it is not there, or not text."""
    with spiceypy.no_found_check():
        # Not asked of expool, which knows numeric keywords only.
        found, is_there = spiceypy.gcpool(keyword, 0, 1)
    return found[0].strip().upper() if is_there else default


def ellipsoid(body: str) -> Ellipsoid:
    """A body's ellipsoid; LackingError where no kernel (.tpc) has its radii."""
    radii = numbers(f"BODY{spiceypy.bods2c(body)}_RADII", 3) * 1000
    return Ellipsoid(float(radii[0]), float(radii[2]))


def known_frame(names: Sequence[str], time: float) -> str:
    """The first of some frames that the kernels can turn J2000 into at a time; the last as it is."""
    for name in names[:-1]:
        try:
            spiceypy.pxform("J2000", name, time)
            return name
        except SpiceyError:
            continue
    return names[-1]


def structure(frame: str) -> int:
    """NAIF id of the structure with attitudes of its own that a frame is fixed to; LackingError for unknown ones."""
    code = spiceypy.namfrm(frame)
    if not code:
        raise LackingError(f"the frame {frame} is in none of them; add the mission's .tf")
    _, kind, structure_code = spiceypy.frinfo(code)
    if kind != FIXED:
        return structure_code
    of_code, of_name = (f"TKFRAME_{one}_RELATIVE" for one in (structure_code, frame))
    return structure(word(of_code, word(of_name, "")))


def check_positions(kernels: Path, spacecraft: str, needed: Span) -> None:
    """OrbitileError with the time needed and those covered where no SPK holds a spacecraft's positions."""
    code = spiceypy.bods2c(spacecraft)
    held = {path: set(spiceypy.spkobj(path)) for path in _of_kind("SPK")}
    spans = _united(held, code, spiceypy.spkcov)
    _check(kernels, f"positions of {spacecraft} ({code})", needed, spans, _named(set().union(*held.values())), ".bsp")


def check_attitudes(kernels: Path, name: str, code: int, needed: Span) -> None:
    """OrbitileError with the time needed and those covered where no CK holds the attitude of a structure, so named."""
    held = {path: set(spiceypy.ckobj(path)) for path in _of_kind("CK")}
    spans = _united(
        held, code, lambda path, code, window: spiceypy.ckcov(path, code, False, "INTERVAL", 0.0, "TDB", window)
    )
    others = ", ".join(str(one) for one in sorted(set().union(*held.values())))
    _check(kernels, f"attitudes of {name} ({code})", needed, spans, others, ".bc")


def _check(kernels: Path, what: str, needed: Span, spans: list[Span], others: str, suffix: str) -> None:
    if any(span.covers(needed) for span in spans):
        return
    if spans:
        have = "the kernels have " + "; ".join(str(span) for span in spans[:4])
        have += f" and {len(spans) - 4} more" if len(spans) > 4 else ""
    else:
        have = "no kernel has any" + _but(others)
    raise OrbitileError(f"{kernels}: {what} are needed from {needed} UTC, and {have}; add the {suffix} of that time")


def _but(others: str) -> str:
    return f", but of {others}" if others else ""


def _of_kind(kind: str) -> list[str]:
    return [spiceypy.kdata(number, kind)[0] for number in range(spiceypy.ktotal(kind))]


def _united(held: Mapping[str, set[int]], code: int, coverage: Callable) -> list[Span]:
    """The times that files, with their objects, cover of one object: where one file ends, another may go on."""
    window = SpiceCell.double(MOST_SPANS)
    for path, codes in held.items():
        if code in codes:
            coverage(path, code, window)
    return [Span(*spiceypy.wnfetd(window, number)) for number in range(spiceypy.wncard(window))]


def _keywords(template: str) -> list[str]:
    """The names of keywords of text kernels; a star stands for anything."""
    with spiceypy.no_found_check():
        names, found = spiceypy.gnpool(template, 0, 100)
    return list(names) if found else []


def _named(codes: set[int]) -> str:
    return ", ".join(f"{spiceypy.bodc2s(code)} ({code})" for code in sorted(codes))


def sun(aim: Aim, time: float) -> np.ndarray | None:
    """The body-fixed unit vector (3) to the Sun at an ephemeris time; None where no kernel knows."""
    try:
        place, _ = spiceypy.spkpos("SUN", time, aim.body_frame, "LT+S", aim.body)
    except SpiceyError:
        return None
    return place / np.linalg.norm(place)


def motion(aim: Aim, times: np.ndarray, epoch: float) -> Motion:
    """The camera's motion by SPICE at some ephemeris times (n), with times counted from an epoch."""
    states = np.array([_state(aim, time) for time in times]) * 1000
    return Motion(
        FlightPath(times - epoch, states[:, :3], states[:, 3:]),
        _turning(aim.camera_frame, "J2000", times, epoch),
        _turning("J2000", aim.body_frame, times, epoch),
    )


def _turning(start: str, end: str, times: np.ndarray, epoch: float) -> Turning:
    matrices = np.array([spiceypy.pxform(start, end, time) for time in times])
    return Turning(times - epoch, Rotation.from_matrix(matrices))


def _state(aim: Aim, time: float) -> np.ndarray:
    """Position (km) and velocity (km/s) of the spacecraft from the body's centre in J2000 (6)."""
    if not aim.swapped:
        return spiceypy.spkezr(aim.spacecraft, time, "J2000", aim.correction, aim.body)[0]
    state, light_s = spiceypy.spkezr(aim.body, time, "J2000", aim.correction, aim.spacecraft)
    if aim.to_surface and aim.correction != "NONE":
        # The surface is closer than the centre, by about a radius of the body.
        shape = ellipsoid(aim.body)
        earlier = time - light_s + (shape.equatorial_m + shape.polar_m) / 2000 / LIGHT_KM_S
        spacecraft = spiceypy.spkezr(aim.spacecraft, time, "J2000", "NONE", "SSB")[0]
        return spacecraft - spiceypy.spkezr(aim.body, earlier, "J2000", "NONE", "SSB")[0]
    return -state
