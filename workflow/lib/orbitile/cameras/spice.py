"""NAIF's SPICE kernels: loading them, what time they cover, and what they say of motion and instruments.

SPICE has one pool of kernels for the whole process, so that one thread at a time uses it.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import spiceypy
from scipy.spatial.transform import Rotation
from spiceypy.utils.exceptions import SpiceyError

from orbitile.cameras.motion import Motion, Turning
from orbitile.cameras.motion import Path as FlightPath
from orbitile.cameras.surfaces import Ellipsoid
from orbitile.errors import OrbitileError, first_line

ORDER = (".tls", ".tsc", ".tpc", ".tf", ".ti", ".bpc", ".bsp", ".bc")
"""Kinds of kernels in the order in which a folder's are loaded, each kind by name: of two that say the same, the one
loaded last counts."""
LIGHT_KM_S = 299792.458
ROUNDING_S = 1e-3
"""How far a kernel may fall short of the time asked for: clocks tick less often."""

_pool = threading.RLock()


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
    round, which is wrong by some metres, but what was done before the keywords came.
    """

    spacecraft: str
    body: str
    camera_frame: str
    body_frame: str
    correction: str = "LT+S"
    swapped: bool = False
    to_surface: bool = False


@contextmanager
def loaded(kernels: Path) -> Iterator[None]:
    """Load a meta-kernel, or all kernels of a folder; SPICE's errors become one line that names them."""
    paths = _files(kernels)
    with _pool, _explained(kernels):
        try:
            for path in paths:
                spiceypy.furnsh(str(path))
            yield
        finally:
            spiceypy.kclear()


def _files(kernels: Path) -> list[Path]:
    if kernels.is_file():
        return [kernels]
    if not kernels.is_dir():
        raise OrbitileError(f"kernels: nothing at {kernels}; give a meta-kernel, or a folder of kernels")
    found = [path for path in kernels.iterdir() if path.suffix.lower() in ORDER]
    if not found:
        raise OrbitileError(f"{kernels}: holds no kernels ({', '.join(ORDER)})")
    return sorted(found, key=_turn)


def _turn(path: Path) -> tuple:
    """When a kernel of a folder is loaded: ISIS' addenda after the instrument kernels that they correct."""
    return ORDER.index(path.suffix.lower()), "addendum" in path.name.lower(), path.name


@contextmanager
def _explained(kernels: Path) -> Iterator[None]:
    try:
        yield
    except SpiceyError as error:
        said = " ".join(str(error.long or error.short or error).split())
        raise OrbitileError(f"{kernels}: SPICE says: {first_line(said)}") from error


def clock_time(clock: int, count: str) -> float:
    """Ephemeris time of a count of a spacecraft's clock, by its NAIF id."""
    return spiceypy.scs2e(clock, count)


def numbers(keyword: str, count: int | None = None) -> np.ndarray:
    """The numbers of a keyword of a text kernel; OrbitileError where no loaded kernel has it, or not as many."""
    found = spiceypy.gdpool(keyword, 0, count or 100) if spiceypy.expool(keyword) else []
    if len(found) < (count or 1):
        raise OrbitileError(
            f"kernels: {keyword} is in none of them; add the instrument's kernels (.ti, also ISIS' addenda) and .tpc"
        )
    return np.array(found)


def number(keyword: str, default: float | None = None) -> float:
    """One number of a keyword of a text kernel, or a default where there is one."""
    return default if default is not None and not spiceypy.expool(keyword) else float(numbers(keyword, 1)[0])


def word(keyword: str, default: str) -> str:
    """One text of a keyword of a text kernel, in capitals."""
    return spiceypy.gcpool(keyword, 0, 1)[0].upper() if spiceypy.expool(keyword) else default


def ellipsoid(body: str) -> Ellipsoid:
    """A body's ellipsoid; OrbitileError where no kernel (.tpc) has its radii."""
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


def check_positions(kernels: Path, spacecraft: str, needed: Span) -> None:
    """OrbitileError with the time needed and those covered where no SPK holds a spacecraft's positions."""
    code = spiceypy.bods2c(spacecraft)
    held = {path: list(spiceypy.spkobj(path)) for path in _of_kind("SPK")}
    spans = [span for path, codes in held.items() if code in codes for span in _spans(spiceypy.spkcov(path, code))]
    others = {body for codes in held.values() for body in codes}
    _check(kernels, f"positions of {spacecraft} ({code})", needed, spans, _named(others), ".bsp")


def check_attitudes(kernels: Path, spacecraft: str, code: int, needed: Span) -> None:
    """OrbitileError with the time needed and those covered where no CK holds a structure's attitude."""
    held = {path: list(spiceypy.ckobj(path)) for path in _of_kind("CK")}
    windows = [
        spiceypy.ckcov(path, code, False, "INTERVAL", 0.0, "TDB") for path, codes in held.items() if code in codes
    ]
    others = ", ".join(str(one) for one in sorted({one for codes in held.values() for one in codes}))
    spans = [span for window in windows for span in _spans(window)]
    _check(kernels, f"attitudes of {spacecraft} ({code})", needed, spans, others, ".bc")


def _check(kernels: Path, what: str, needed: Span, spans: list[Span], others: str, suffix: str) -> None:
    if any(span.covers(needed) for span in spans):
        return
    if spans:
        have = "; ".join(str(span) for span in sorted(spans, key=lambda span: span.start)[:4])
        have += f" and {len(spans) - 4} more" if len(spans) > 4 else ""
    else:
        have = f"none of these, but of {others}" if others else "none of any"
    raise OrbitileError(
        f"{kernels}: {what} are needed from {needed} UTC, and the kernels have {have}; add the {suffix} of that time"
    )


def _of_kind(kind: str) -> list[str]:
    return [spiceypy.kdata(number, kind)[0] for number in range(spiceypy.ktotal(kind))]


def _spans(window: spiceypy.utils.support_types.SpiceCell) -> list[Span]:
    return [Span(*spiceypy.wnfetd(window, number)) for number in range(spiceypy.wncard(window))]


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
    to_body = _turning("J2000", aim.body_frame, times, epoch)
    return Motion(
        FlightPath(times - epoch, states[:, :3], states[:, 3:]),
        _turning(aim.camera_frame, "J2000", times, epoch),
        to_body,
    )


def _turning(start: str, end: str, times: np.ndarray, epoch: float) -> Turning:
    matrices = np.array([spiceypy.pxform(start, end, time) for time in times])
    return Turning(times - epoch, Rotation.from_matrix(matrices))


def _state(aim: Aim, time: float) -> np.ndarray:
    """Position (km) and velocity (km/s) of the spacecraft from the body's centre in J2000 (6)."""
    if not aim.swapped:
        return spiceypy.spkezr(aim.spacecraft, time, "J2000", aim.correction, aim.body)[0]
    state, light_s = spiceypy.spkezr(aim.body, time, "J2000", aim.correction, aim.spacecraft)
    if aim.to_surface and aim.correction == "LT+S":
        # The surface is closer than the centre, by about a radius of the body.
        shape = ellipsoid(aim.body)
        earlier = time - light_s + (shape.equatorial_m + shape.polar_m) / 2000 / LIGHT_KM_S
        spacecraft = spiceypy.spkezr(aim.spacecraft, time, "J2000", "NONE", "SSB")[0]
        return spacecraft - spiceypy.spkezr(aim.body, earlier, "J2000", "NONE", "SSB")[0]
    return -state
