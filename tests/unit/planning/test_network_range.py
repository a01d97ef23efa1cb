"""Scenes that are unlike the images that the run's network is for: planned, with a warning."""

import numpy as np
import pytest
from made_zoo import made_zoo

from orbitile.planning.placement_checks import FAR_FROM_NETWORK
from orbitile.planning.plan import current_plan
from orbitile.settings import check_settings
from orbitile.tables.plan import read_rows

GREY = np.ones((40, 60), np.uint8)
MOON = "IAU_2015:30110"
NAME = "moon-relief-474m"


@pytest.fixture
def warnings_of(tmp_path, geotiff):
    """The warnings in the plan of scenes with some m/px, by scene; settings as they are, but for changes."""
    made_zoo(tmp_path)

    def plan(*gsds_m, **change):
        paths = [geotiff(GREY, crs=MOON, gsd=gsd_m, name=f"s{number}.tif") for number, gsd_m in enumerate(gsds_m)]
        lines = ["scene,path", *(f"s{number},{path}" for number, path in enumerate(paths)), ""]
        (tmp_path / "scenes.csv").write_text("\n".join(lines))
        config = dict(run="r", body="Moon", scenes=str(tmp_path / "scenes.csv"), model=NAME) | change
        current_plan(check_settings(config, ["c"], tmp_path / "zoo"), tmp_path / "plan.parquet")
        return [row.warnings for row in read_rows(tmp_path / "plan.parquet")]

    return plan


def test_scenes_far_from_the_network_get_a_warning(warnings_of, in_this_process):
    near, fine = warnings_of(474, 100)
    assert FAR_FROM_NETWORK == 2
    assert near == []
    (line,) = fine
    assert line.startswith("it has 100 m/px, but the network is for images of 237 to 948 m/px")


def test_the_warning_follows_the_range(warnings_of, opened):
    assert warnings_of(300)[0] == []
    stated = dict(name=NAME, gsd_range_m=[700, 948])
    assert "images of 700 to 948 m/px" in warnings_of(300, model=stated)[0][0]
    assert warnings_of(300)[0] == []
    assert len(opened) == 3


def test_no_range_no_warning(warnings_of, in_this_process):
    assert warnings_of(1, model=dict(name=NAME, gsd_range_m=None)) == [[]]


@pytest.mark.parametrize(
    ("change", "count"), [({}, 1), (dict(gsd_m=474), 0), (dict(scales=[dict(gsd_m=474)]), 0)]
)  # fmt: skip
def test_a_pixel_of_unknown_length_is_noted(warnings_of, in_this_process, change, count):
    (notes,) = warnings_of(474, pixel_coordinates=True, **change)
    assert len(notes) == count
    assert all(note.startswith("its pixels count as 474 m, as in the network's images") for note in notes)


def test_a_pixel_of_stated_length_may_be_far_from_the_network(warnings_of, in_this_process):
    (notes,) = warnings_of(474, pixel_coordinates=True, gsd_m=5)
    assert [note.split(",")[0] for note in notes] == ["it has 5 m/px"]
    (notes,) = warnings_of(474, pixel_coordinates=True)
    assert "its pixels count as" in notes[0]
