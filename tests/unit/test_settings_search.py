"""Settings of how images are searched: enlarged, and in several views."""

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.settings import check_settings

MODEL = dict(weights=__file__, sha256="0" * 64)
MINIMAL = dict(run="r", body="Moon", scenes="scenes.csv", model=MODEL)


def checked(*scales, model=MODEL, **change):
    return check_settings(MINIMAL | dict(scales=list(scales), model=model) | change, ["config.yaml"])


def test_the_finest_raster_is_what_is_enlarged():
    settings = checked(dict(gsd_m=3, enlarge=2), dict(gsd_m=6), dict(gsd_m=12))
    assert (settings.finest_m, settings.enlarged, settings.factors) == (6, {3: 2}, [1, 1, 2])
    assert settings.target_grid["gsd_m"] == 6 and list(settings.tile_px) == [3, 6, 12]
    assert checked(dict(gsd_m=3)).enlarged == {}


def test_the_scale_of_the_images_may_be_left_out():
    settings = checked(dict(gsd_m=3, enlarge=2), dict(gsd_m=12))
    assert (settings.finest_m, settings.factors) == (6, [1, 2])


@pytest.mark.parametrize(
    ("scales", "reason"),
    [
        ([dict(gsd_m=3), dict(gsd_m=6, enlarge=2)], "only the finest may"),
        ([dict(gsd_m=3, enlarge=2), dict(gsd_m=9)], "no whole multiple"),
        ([dict(gsd_m=3, enlarge=2), dict(gsd_m=6.03)], "no whole multiple"),
        ([dict(gsd_m=3, enlarge=5)], "less than or equal to 4"),
        ([dict(gsd_m=3, enlarge=1.5)], "integer"),
    ],
)
def test_scales_that_cannot_be(scales, reason):
    with pytest.raises(OrbitileError, match=reason):
        checked(*scales)


@pytest.mark.parametrize(
    "change", [dict(model=MODEL | dict(family="segmentation")), dict(training=dict(craters="craters.csv"))]
)
def test_only_searches_for_objects_enlarge(change):
    with pytest.raises(OrbitileError, match="enlarge is for searching objects"):
        checked(dict(gsd_m=3, enlarge=2), **change)


def test_views_reach_the_network():
    views = dict(views=["mirror", "turn_180"], shifts_px=[4])
    choice = checked(dict(gsd_m=3), model=MODEL | dict(test_time=views)).model_choice
    assert choice["test_time"] == dict(views=("mirror", "turn_180"), shifts_px=(4,), iou_threshold=0.55)


@pytest.mark.parametrize("model", [MODEL, MODEL | dict(test_time={}), MODEL | dict(test_time=None)])
def test_without_views_the_network_is_the_same(model):
    assert "test_time" not in checked(dict(gsd_m=3), model=model).model_choice


@pytest.mark.parametrize(
    ("test_time", "reason"),
    [
        (dict(views=["upside"]), "mirror"), (dict(views=["flip", "flip"]), "each once"),
        (dict(shifts_px=[4, 4]), "each once"), (dict(shifts_px=[32]), "31"), (dict(shifts_px=[0]), "1"),
        (dict(iou_threshold=1), "less than 1"),
    ],
)  # fmt: skip
def test_views_that_cannot_be(test_time, reason):
    with pytest.raises(OrbitileError, match=reason):
        checked(dict(gsd_m=3), model=MODEL | dict(test_time=test_time))


def test_masks_have_a_single_view():
    with pytest.raises(OrbitileError, match=r"model\.test_time: of no use to the family segmentation"):
        checked(dict(gsd_m=3), model=MODEL | dict(family="segmentation", test_time=dict(views=["flip"])))
