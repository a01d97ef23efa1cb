"""The calls of ISIS's programs, word by word as its documentation has them."""

import pytest

from orbitile.errors import OrbitileError
from orbitile.isis.sequences import PROGRAMS, SpiceChoice, Step, programs_of, sequence

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


@pytest.mark.parametrize("instrument", LINES)
def test_the_calls_of_an_instrument(instrument):
    assert [str(step) for step in sequence(instrument, "raw.img", SpiceChoice())] == LINES[instrument]


def test_every_instrument_has_its_line():
    assert set(PROGRAMS) == set(LINES)


def test_summed_images_have_no_stripes_to_remove():
    assert [str(step) for step in sequence("CTX", "raw.img", SpiceChoice(), summed=True)] == [
        *LINES["CTX"][:3],
        f"cam2map from=ctxcal.cub to=cam2map.cub {CAM2MAP}",
    ]


@pytest.mark.parametrize(
    ("spice", "line"),
    [
        (SpiceChoice(web=True), "spiceinit from=hi2isis.cub web=yes shape=ellipsoid"),
        (
            SpiceChoice(shape_model="/far away/$MOLA.cub"),
            "spiceinit from=hi2isis.cub web=no shape=user model=shape.cub",
        ),
        (SpiceChoice(True, "mola.cub"), "spiceinit from=hi2isis.cub web=yes shape=user model=shape.cub"),
    ],
)
def test_kernels_and_shape(spice, line):
    assert str(sequence("HIRISE", "a.IMG", spice)[1]) == line


def test_a_step_knows_its_cube():
    assert Step("cam2map", ("from=a.cub", "to=b.cub", "map=to=c")).output == "b.cub"
    assert Step("spiceinit", ("from=a.cub",)).output is None


def test_what_cannot_go_this_way_is_named():
    with pytest.raises(OrbitileError, match="'THEMIS' cannot go through ISIS here; those that can: CTX, HIRISE, "):
        programs_of("THEMIS")
