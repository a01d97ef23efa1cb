"""What the benchmark of a world measures, leaves out and foretells."""

import importlib.util
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
SPEC = importlib.util.spec_from_file_location("world", BENCHMARKS / "world.py")


@pytest.fixture
def world(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    for name in ("machine", "made_up_world", "world_rivals"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.util.module_from_spec(SPEC)
    monkeypatch.setitem(sys.modules, "world", module)
    SPEC.loader.exec_module(module)
    return module


def record(step, survivors, seconds=1.0, **figures):
    return dict(step=step, survivors=survivors, seconds=seconds, cpu_seconds=seconds, peak_mb=1.0) | figures


def test_a_step_that_takes_too_long_or_too_much_memory_is_left_out(world, tmp_path):
    larger = world.World(tmp_path / "larger", 10**6)
    past = [record(world.PROOF, 10**6), record(world.CONCAT, 10**5, 30)]
    assert world.why_not(world.CONCAT, larger, past, 600) is None
    assert world.why_not(world.CONCAT, larger, past, 299) == "would take about 300 s, more than 299 s"
    steep = [record(world.CONCAT, 10**4, 1), *past]
    assert world.why_not(world.CONCAT, larger, steep, 600) == "would take about 900 s, more than 600 s"
    hungry = [record(world.CONCAT, 10**5, peak_mb=1e8), past[0]]
    assert world.why_not(world.CONCAT, larger, hungry, 600).startswith("would need about 1,000,000 GB of memory")
    given_up = [past[0], record(world.CONCAT, 10**5, None)]
    assert world.why_not(world.CONCAT, larger, given_up, 600) == "left out already with 1e+05"


def test_a_world_that_the_disk_does_not_hold_is_refused_before_it_is_made(world, tmp_path, monkeypatch):
    monkeypatch.setattr(world.shutil, "disk_usage", lambda folder: SimpleNamespace(free=30 * 10**9))
    largest, smaller = world.World(tmp_path / "9e+07", 9 * 10**7), world.World(tmp_path / "1e+07", 10**7)
    assert world.why_not(world.MADE, largest, [], 600) == f"would need 36 GB in {tmp_path}, 30 GB are free"
    assert world.why_not(world.MADE, smaller, [], 600) is None
    told = [record(world.MADE, 10**6, written=400e6), record(world.SUPPRESS, 10**6, written=200e6)]
    assert world.why_not(world.MADE, largest, told, 600) == f"would need 54 GB in {tmp_path}, 30 GB are free"


def test_a_step_is_not_tried_without_what_it_needs(world, tmp_path):
    small = world.World(tmp_path / "small", 10**5)
    assert world.why_not(world.PROOF, small, [record(world.SUPPRESS, 10**5, None)], 600) == f"needs {world.SUPPRESS}"
    assert world.why_not(world.PROOF, small, [record(world.SUPPRESS, 10**5)], 600) is None


def test_growth_is_a_power_of_the_number_of_survivors(world):
    records = [record("a", 10**5, 2), record("a", 10**6, 20), record("a", 10**7, None), record("a", 10**7, 200)]
    assert world.growth(records) == pytest.approx(1)
    assert world.growth([record("a", 10**5, 2), record("a", 10**6, 200)]) == pytest.approx(2)
    assert world.growth(records[:1]) is None


def test_what_the_largest_world_needs_follows_from_the_largest_that_was_done(world):
    records = [record(world.SUPPRESS, 10**6, 5, written=1), record(world.SUPPRESS, 10**7, 400, written=1.5e9)]
    assert world.forecast(records) == {world.SUPPRESS: dict(by=10**7, cpu_hours=1.0, gigabytes=13.5)}


def test_a_world_is_made_anew_when_its_generator_has_changed(world, tmp_path):
    small = world.World(tmp_path, 10**5)
    assert world.made_before(small) is None
    made = dict(marker=world.marker(small), record=record(world.MADE, 10**5))
    world.write_json(tmp_path / "made.json", made)
    assert world.made_before(small) == made["record"]
    assert world.made_before(world.World(tmp_path, 10**6)) is None
    world.write_json(tmp_path / "made.json", made | dict(marker=made["marker"] | dict(generator="older")))
    assert world.made_before(small) is None


def test_every_group_is_measured_in_a_process_of_its_own(world, tmp_path):
    groups = [world.GroupScenes(name, (), ()) for name in "abc"]
    result = world.over_groups(lambda group: (tmp_path / group.name).write_text(str(os.getpid())), groups, 60)
    processes = {(tmp_path / name).read_text() for name in "abc"}
    assert len(processes) == 3 and str(os.getpid()) not in processes
    assert result["seconds"] > 0 and result["peak_mb"] >= 0
