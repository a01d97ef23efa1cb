"""The section crater_shapes."""

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.settings import check_settings

MINIMAL = dict(
    run="r", body="Moon", scenes=__file__, scales=[dict(gsd_m=100)], model=dict(weights=__file__, sha256="0" * 64)
)


def checked(change=None, **shapes):
    return check_settings(MINIMAL | dict(crater_shapes=shapes) | (change or {}), ["config.yaml"])


def test_a_model_is_a_list_of_one():
    settings = checked(elevation=__file__, error_m=10)
    assert [str(path) for path in settings.crater_shapes.elevation] == [__file__]
    assert settings.shape_limits == dict(
        error_m=10, resolution_m=None, min_diameter_px=20, position_error=0.03, diameter_error=0.05, max_tilt_deg=10
    )
    assert check_settings(MINIMAL, ["config.yaml"]).shape_limits is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(), "crater_shapes.elevation: missing"),
        (dict(elevation=[]), "crater_shapes.elevation: "),
        (dict(elevation="no.tif"), "crater_shapes.elevation.0: no file at no.tif"),
        (dict(elevation=__file__, error_m=-1), "crater_shapes.error_m: -1 given"),
        (dict(elevation=__file__, min_diameter_px=2), "crater_shapes.min_diameter_px: 2 given"),
        (dict(elevation=__file__, tilt=2), "crater_shapes.tilt: unknown key"),
        (dict(change=dict(pixel_coordinates=True), elevation=__file__), "crater_shapes: images without a map have no"),
    ],
)
def test_bad_values_are_a_line_each(change, message):
    with pytest.raises(OrbitileError, match=f"config.yaml: {message}") as error:
        checked(**change)
    assert "\n" not in str(error.value)
