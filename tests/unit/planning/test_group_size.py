"""How many scenes a group holds where the settings leave that open."""

from dataclasses import replace

import numpy as np
import pytest
from plan_rows import plan_row

from orbitile.planning import group_size
from orbitile.planning.group_size import Workforce, choose_grouping, searched_mpx
from orbitile.planning.plan import current_plan

LAPTOP, WORKSTATION = Workforce(2), Workforce(16, has_gpu=True)
CLUSTER = Workforce(300, is_submitted=True)


@pytest.fixture
def chosen(settings_of_rows):
    """The number of scenes per group for a number of square scenes with so many pixels (10^6) at two scales."""

    def choose(count, mpx, workforce):
        scales = [dict(gsd_m=gsd, tile_px=32, overlap_px=16, min_object_px=1) for gsd in (100, 200)]
        settings = settings_of_rows(
            columns="scene,path", body="Moon", gsd_m=100, scenes_per_group="auto", scales=scales
        )
        side = round((mpx * 1e6 / 1.25) ** 0.5)
        rows = [replace(plan_row(f"s{n}", None), width=side, height=side, gsd_m=100) for n in range(count)]
        assert searched_mpx(rows[0], settings) == pytest.approx(mpx, rel=1e-3)
        return choose_grouping(rows, settings, workforce).scenes_per_group

    return choose


@pytest.mark.parametrize(
    ("count", "mpx", "workforce", "expected"),
    [
        (9, 6, LAPTOP, 17),  # the demo: one group
        (2, 150, LAPTOP, 1),
        (100, 10, LAPTOP, 40),
        (100, 10, Workforce(8), 13),
        (100, 10, Workforce(64), 11),
        (100, 10, WORKSTATION, 41),
        (40, 2000, WORKSTATION, 1),
        (15_000, 201, CLUSTER, 49),
        (200, 200, CLUSTER, 11),
        (3, 200, CLUSTER, 11),
        (50, 20_000, CLUSTER, 1),
    ],
)
def test_groups_fit_the_work_and_the_machine(chosen, count, mpx, workforce, expected):
    assert chosen(count, mpx, workforce) == expected


@pytest.fixture
def four(geotiff):
    """Rows of the scene table: scenes side by side."""
    pixels = np.ones((40, 60), np.uint8)
    return {name: f"{name},{geotiff(pixels, f'{name}.tif', left=n * 6000)}" for n, name in enumerate("abcd")}


@pytest.fixture
def planned(settings_of_rows, tmp_path):
    """The plan of rows, with as many scenes per group as suits a call."""

    def plan(*rows, columns="scene,path", jobs=None, **change):
        auto = dict(scenes_per_group="auto") | change
        settings = settings_of_rows(*rows, columns=columns, body="Moon", gsd_m=100, **auto)
        return current_plan(settings, tmp_path / "plan.parquet", jobs)

    return plan


def test_what_was_chosen_is_kept_and_said(planned, four, monkeypatch):
    """Also where another machine, or more of them, would have chosen otherwise."""
    mpx = 0.0024
    monkeypatch.setattr(group_size, "ON_CORES", group_size.WorkRange(mpx * 1.9, mpx * 2.1))
    monkeypatch.setattr(group_size, "GPU_DEVICES", "none")
    monkeypatch.setattr(group_size, "core_count", lambda: 2)
    first = planned(four["a"], four["b"])
    assert first.grouping_text == (
        "2 scenes in 1 group, at most 2 in each, as was chosen for 2 cores (scenes_per_group: auto)"
    )
    grown = planned(*four.values(), jobs=300)
    assert grown.grouping == first.grouping
    assert len(grown.groups) == 2
    assert set(first.groups) < set(grown.groups)
    assert planned(*four.values()) == grown


def test_a_number_in_the_settings_holds(planned, four):
    planned(*four.values())
    plan = planned(*four.values(), scenes_per_group=2)
    assert (len(plan.groups), plan.grouping.scenes_per_group, plan.grouping_text) == (2, 2, None)


def test_scenes_whose_group_is_named_do_not_count(planned, four):
    plan = planned(*[f"{row},strip" for row in four.values()], columns="scene,path,group")
    assert (plan.groups, plan.grouping.scenes_per_group) == (["strip"], 1)


def test_a_cluster_is_told_by_its_jobs():
    assert Workforce.of_call(300) == CLUSTER
    assert str(CLUSTER) == "a cluster that takes 300 jobs at a time"
    assert not Workforce.of_call().is_submitted
    assert str(WORKSTATION) == "16 cores and a GPU"
