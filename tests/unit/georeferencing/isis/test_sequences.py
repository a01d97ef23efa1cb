"""The calls of ISIS's programs, word by word as its documentation has them."""

import pytest

from orbitile.georeferencing.instruments.registry import find_instrument, instrument_names
from orbitile.georeferencing.isis.sequences import IsisPrograms, IsisStep, SpiceChoice, program_sequence

CAM2MAP = "map=map.map pixres=map defaultrange=minimize lonseam=auto interp=bilinear"
NAC = [
    "lronac2isis from=raw.img to=lronac2isis.cub",
    "spiceinit from=lronac2isis.cub web=no shape=ellipsoid",
    "lronaccal from=lronac2isis.cub to=lronaccal.cub",
    "lronacecho from=lronaccal.cub to=lronacecho.cub",
    f"cam2map from=lronacecho.cub to=cam2map.cub {CAM2MAP}",
]
LINES = {
    "CTX": [
        "mroctx2isis from=raw.img to=mroctx2isis.cub",
        "spiceinit from=mroctx2isis.cub web=no shape=ellipsoid",
        "ctxcal from=mroctx2isis.cub to=ctxcal.cub",
        "ctxevenodd from=ctxcal.cub to=ctxevenodd.cub",
        f"cam2map from=ctxevenodd.cub to=cam2map.cub {CAM2MAP}",
    ],
    "HIRISE": [
        "hi2isis from=raw.img to=hi2isis.cub",
        "spiceinit from=hi2isis.cub web=no shape=ellipsoid",
        "hical from=hi2isis.cub to=hical.cub",
        f"cam2map from=hical.cub to=cam2map.cub {CAM2MAP}",
    ],
    "LROC_NACL": NAC,
    "LROC_NACR": NAC,
    "MDIS_NAC": [
        "mdis2isis from=raw.img to=mdis2isis.cub",
        "spiceinit from=mdis2isis.cub web=no shape=ellipsoid",
        "mdiscal from=mdis2isis.cub to=mdiscal.cub",
        f"cam2map from=mdiscal.cub to=cam2map.cub {CAM2MAP}",
    ],
}


def calls(programs, spice=SpiceChoice()):  # noqa: B008 (frozen)
    return [str(step) for step in program_sequence(programs, "raw.img", spice)]


@pytest.mark.parametrize("instrument", LINES)
def test_the_calls_of_an_instrument(instrument):
    assert calls(find_instrument(instrument).isis.names) == LINES[instrument]


def test_every_instrument_has_its_line():
    assert set(instrument_names()) == set(LINES)


def test_an_image_may_skip_a_program(tmp_path):
    """The cube of the program before it goes on to the one after it; here, if the image bears its name."""
    programs = IsisPrograms("mroctx2isis", ("ctxcal", "ctxevenodd"), lambda path: {"ctxevenodd"} & {path.stem})
    assert calls(programs.names_for(tmp_path / "a.IMG")) == LINES["CTX"]
    assert calls(programs.names_for(tmp_path / "ctxevenodd.IMG")) == [
        *LINES["CTX"][:3],
        f"cam2map from=ctxcal.cub to=cam2map.cub {CAM2MAP}",
    ]


@pytest.mark.parametrize(
    ("spice", "line"),
    [
        (SpiceChoice(isis_web=True), "spiceinit from=hi2isis.cub web=yes shape=ellipsoid"),
        (
            SpiceChoice(isis_shape="/far away/$MOLA.cub"),
            "spiceinit from=hi2isis.cub web=no shape=user model=shape.cub",
        ),
        (SpiceChoice(True, "mola.cub"), "spiceinit from=hi2isis.cub web=yes shape=user model=shape.cub"),
    ],
)
def test_kernels_and_shape(spice, line):
    assert calls(("hi2isis", "spiceinit"), spice)[1] == line


def test_a_step_knows_its_cube():
    assert IsisStep("cam2map", ("from=a.cub", "to=b.cub", "map=to=c")).output == "b.cub"
    assert IsisStep("spiceinit", ("from=a.cub",)).output is None
