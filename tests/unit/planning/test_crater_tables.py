"""Users' crater tables are checked when a run is planned, once for each version."""

import numpy as np
import pytest

from orbitile.base.errors import OrbitileError
from orbitile.planning.plan import current_plan
from orbitile.settings import Settings
from orbitile.tables import craters

TRUTH = "lon,lat,diam_km\n1,2,3\n"


@pytest.fixture
def plan(geotiff, tmp_path, in_this_process):
    """Plans a run of two scenes."""
    images = [geotiff(np.ones((40, 60), np.uint8), name=f"{name}.tif", left=6000 * n) for n, name in enumerate("ab")]
    (tmp_path / "scenes.csv").write_text(
        "".join(["scene,path\n", *(f"{name},{image}\n" for name, image in zip("ab", images, strict=True))])
    )

    def make(text, columns=None, **change):
        (tmp_path / "craters.csv").write_text(text)
        evaluation = dict(truth=tmp_path / "craters.csv", columns=columns or {})
        settings = Settings(
            run="r", body="Moon", scenes=tmp_path / "scenes.csv", evaluation=evaluation, **change,
            scales=[dict(gsd_m=100, tile_px=32, overlap_px=16)],
            model=dict(weights="any.safetensors", sha256="0" * 64),
        )  # fmt: skip
        current_plan(settings, tmp_path / "plan.parquet")
        return settings

    return make


def test_a_bad_table_ends_the_run_before_it_starts(plan):
    for _ in range(2):
        with pytest.raises(OrbitileError, match=r"craters\.csv: line 3: column lat is '95'"):
            plan(TRUTH + "1,95,3\n")
    plan(TRUTH)


def test_without_a_map_the_scenes_must_be_named(plan):
    with pytest.raises(OrbitileError, match=r"craters\.csv: has no column scene, but the 2 images of this run"):
        plan(TRUTH, pixel_coordinates=True)
    plan("scene,lon,lat,diam_km\na,1,2,3\n", pixel_coordinates=True)
    plan("scene,col_px,row_px,diameter_px\na,1,2,3\n", pixel_coordinates=True)


def test_tables_are_read_once_for_each_version(plan, tmp_path, monkeypatch):
    calls, read = [], craters.read_craters
    monkeypatch.setattr(craters, "read_craters", lambda *arguments: calls.append(1) or read(*arguments))
    for count, text in enumerate([TRUTH, TRUTH + "4,5,6\n"], 1):
        settings = plan(text)
        for _ in range(2):
            current_plan(settings, tmp_path / "plan.parquet")
        assert len(calls) == count


def test_columns_that_the_settings_name(plan):
    text = "A,B,C\n1,2,3\n"
    with pytest.raises(OrbitileError, match="no column named lon"):
        plan(text)
    plan(text, dict(lon="A", lat="B", diameter_m="C"))
    with pytest.raises(OrbitileError, match="no column 'D', which the settings name; it has A, B, C"):
        plan(text, dict(lon="A", lat="B", diameter_m="D"))
