"""Which programs of ISIS bring a raw image onto a map, in which order, with which parameters.

Programs, parameters and their order are those of ISIS's own documentation of each program (the XML file beside its
source). Every name in them is one in the folder where the programs run, never a path: ISIS strips blanks from values,
and reads a leading bracket as a list, a dollar sign as a variable and a plus sign as the beginning of attributes.
"""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SPICEINIT, CAM2MAP = "spiceinit", "cam2map"
MAP_FILE, SHAPE_FILE = "map.map", "shape.cub"
"""Names of the map template and of the shape model in the folder where the programs run."""


def skip_none(source: Path) -> frozenset[str]:
    """The calibration programs that an image skips, of instruments all of whose images need the same: none."""
    return frozenset()


@dataclass(frozen=True)
class IsisPrograms:
    """The programs of ISIS that an instrument's images need.

    `importer` makes a cube of a raw image, the programs of `calibration` follow in their order. `skipped` says which
    of the latter an image (by its path) does not need; OrbitileError where its label does not tell.
    """

    importer: str
    calibration: tuple[str, ...]
    skipped: Callable[[Path], frozenset[str]] = skip_none

    @property
    def names(self) -> tuple[str, ...]:
        """All of them in order: import, kernels, calibration, projection.

        Kernels come before calibration, which then takes the Sun's distance from the cube and needs no kernels itself.
        """
        return self.importer, SPICEINIT, *self.calibration, CAM2MAP

    def names_for(self, source: Path) -> tuple[str, ...]:
        """Those that an image needs, in order."""
        skipped = self.skipped(source)
        return tuple(name for name in self.names if name not in skipped)


@dataclass(frozen=True)
class IsisStep:
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
    """Where kernels come from, and the shape of the ground.

    Kernels come from the data folder of ISIS or, with `isis_web`, from the web service of USGS. The shape is the body's
    ellipsoid, or `isis_shape`: a projected cube of radii, as ISIS's demprep makes it.
    """

    isis_web: bool = False
    isis_shape: str | None = None


def program_sequence(programs: Sequence[str], source: str, spice: SpiceChoice) -> list[IsisStep]:
    """The calls of programs that bring the raw image `source` onto the map of MAP_FILE, in the folder of both files.

    The last one's output is the projected cube.
    """
    return list(_steps(programs, source, spice))


def _steps(programs: Sequence[str], source: str, spice: SpiceChoice) -> Iterator[IsisStep]:
    current = source
    for program in programs:
        if program == SPICEINIT:
            yield IsisStep(program, (f"from={current}", *_spiceinit_arguments(spice)))
            continue
        cube = f"{program}.cub"
        yield IsisStep(program, (f"from={current}", f"to={cube}", *(_CAM2MAP_ARGUMENTS if program == CAM2MAP else ())))
        current = cube


def _spiceinit_arguments(spice: SpiceChoice) -> tuple[str, ...]:
    shape = ("shape=user", f"model={SHAPE_FILE}") if spice.isis_shape else ("shape=ellipsoid",)
    return f"web={'yes' if spice.isis_web else 'no'}", *shape


_CAM2MAP_ARGUMENTS = (f"map={MAP_FILE}", "pixres=map", "defaultrange=minimize", "lonseam=auto", "interp=bilinear")
"""The smallest image that holds the scene, at the map's pixel size.

A scene that crosses the border of the map's longitudes is continued beyond it: any other choice would make an image
that spans the body.
"""
