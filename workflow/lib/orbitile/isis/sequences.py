"""Which programs of ISIS bring a raw image onto a map, in which order, with which parameters.

Programs, parameters and their order are those of ISIS's own documentation of each program (the XML file beside its
source). Every name in them is one in the folder where the programs run, never a path: ISIS strips blanks from values,
and reads a leading bracket as a list, a dollar sign as a variable and a plus sign as the beginning of attributes.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from orbitile.errors import OrbitileError

SPICEINIT, EVEN_ODD, CAM2MAP = "spiceinit", "ctxevenodd", "cam2map"
_NAC = ("lronac2isis", SPICEINIT, "lronaccal", "lronacecho", CAM2MAP)
PROGRAMS = {
    "CTX": ("mroctx2isis", SPICEINIT, "ctxcal", EVEN_ODD, CAM2MAP),
    "HIRISE": ("hi2isis", SPICEINIT, "hical", CAM2MAP),
    "LROC_NACL": _NAC,
    "LROC_NACR": _NAC,
    "MDIS_NAC": ("mdis2isis", SPICEINIT, "mdiscal", CAM2MAP),
}
"""By instrument: import, kernels, calibration, what else it needs, projection. HiRISE is done channel by channel.

Kernels come before calibration, which then takes the Sun's distance from the cube and needs no kernels of its own.
"""
MAP_FILE, SHAPE_FILE = "map.map", "shape.cub"
"""What the map template and the shape model are called where the programs run."""


@dataclass(frozen=True)
class Step:
    """One call of a program."""

    program: str
    arguments: tuple[str, ...]

    @property
    def output(self) -> str | None:
        """The cube it writes; None where it changes the one it reads."""
        names = [argument.removeprefix("to=") for argument in self.arguments if argument.startswith("to=")]
        return names[0] if names else None

    def __str__(self) -> str:
        return shlex.join([self.program, *self.arguments])


@dataclass(frozen=True)
class SpiceChoice:
    """Where kernels come from: the data folder of ISIS or (`web`) its service; and the shape of the ground.

    The shape is the body's ellipsoid, or a `shape_model`: a projected cube of radii, as ISIS's demprep makes it.
    """

    web: bool = False
    shape_model: str | None = None


def programs_of(instrument: str, summed: bool = False) -> tuple[str, ...]:
    """The programs an instrument's images need, in order; OrbitileError for one that is not in PROGRAMS.

    ctxevenodd refuses CTX images whose pixels were `summed` on board: those have no such stripes.
    """
    if instrument not in PROGRAMS:
        raise OrbitileError(
            f"instrument: {instrument!r} cannot go through ISIS here; those that can: {', '.join(PROGRAMS)}"
        )
    return tuple(name for name in PROGRAMS[instrument] if not (summed and name == EVEN_ODD))


def sequence(instrument: str, source: str, spice: SpiceChoice, summed: bool = False) -> list[Step]:
    """The calls that bring the raw image `source` onto the map of MAP_FILE, all in the folder where they lie.

    The last one's output is the projected cube. OrbitileError for an instrument that is not in PROGRAMS.
    """
    return list(_steps(programs_of(instrument, summed), source, spice))


def _steps(programs: tuple[str, ...], source: str, spice: SpiceChoice) -> Iterator[Step]:
    current = source
    for program in programs:
        if program == SPICEINIT:
            yield Step(program, (f"from={current}", *_kernels(spice)))
            continue
        written = f"{program}.cub"
        yield Step(program, (f"from={current}", f"to={written}", *(_PROJECTION if program == CAM2MAP else ())))
        current = written


def _kernels(spice: SpiceChoice) -> tuple[str, ...]:
    shape = ("shape=user", f"model={SHAPE_FILE}") if spice.shape_model else ("shape=ellipsoid",)
    return f"web={'yes' if spice.web else 'no'}", *shape


_PROJECTION = (f"map={MAP_FILE}", "pixres=map", "defaultrange=minimize", "lonseam=auto", "interp=bilinear")
"""The smallest image that holds the scene, at the map's pixel size.

A scene that crosses the border of the map's longitudes is continued beyond it: anything else would make an image that
spans the body.
"""
