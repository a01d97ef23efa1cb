from dataclasses import replace

import pytest

from orbitile.inference.engine.batch_size import CPU_TILES
from orbitile.inference.engine.tile_reader import AHEAD_BYTES
from orbitile.pipeline import INFER_THREADS
from orbitile.planning.run_costs import (
    GROUP_STAGES,
    READ_AHEAD_BYTES,
    RUN_STAGES,
    TILES_IN_A_PASS,
    Speed,
    disk_bytes,
    estimate_costs,
    memory_bytes,
)
from orbitile.settings import Settings
from orbitile.tables.plan import RunSize

SIZE = RunSize(tiles=6, searched_px=1e6, raster_bytes=5e6, pictured_px=1e6)


def settings(**model):
    weights = dict(weights="any.safetensors", sha256="0" * 64)
    scales = [dict(gsd_m=100.0, tile_px=512, overlap_px=128)]
    return Settings(run="r", body="Moon", scenes="s.csv", scales=scales, model=weights | model)


def test_costs():
    costs = estimate_costs(SIZE, 2, settings(), Speed(0.5, 3.0))
    assert costs.tiles == 6
    assert 6 * 0.5 < costs.seconds <= (2 * GROUP_STAGES + RUN_STAGES) * 3.0 + 6
    assert costs.peaks_text(2e9).startswith("6 tiles; up to 11 MB of disk (2.0 GB are free), and 1.")


def test_without_a_measured_speed_there_is_no_time():
    assert estimate_costs(SIZE, 1, settings()).seconds is None


@pytest.mark.parametrize("larger", [dict(tiles=1000), dict(raster_bytes=1e9), dict(pictured_px=1e9)])
def test_larger_runs_take_more_disk(larger):
    assert disk_bytes(replace(SIZE, **larger), settings()) > 10 * disk_bytes(SIZE, settings())


def test_memory_grows_with_cores_and_batches_up_to_those_that_a_job_uses():
    passes = [memory_bytes(SIZE, settings(), cores) for cores in (1, 2, 3)]
    assert passes[1] - passes[0] == pytest.approx(passes[2] - passes[1]) and passes[1] > passes[0]
    assert memory_bytes(SIZE, settings(batch=16), 1) == pytest.approx(passes[1])
    many = [estimate_costs(SIZE, 1, settings(), cores=cores).memory_bytes for cores in (INFER_THREADS, 99)]
    assert many[0] == many[1]


def test_memory_for_what_is_read_ahead_is_bounded():
    small, large, larger = (memory_bytes(replace(SIZE, searched_px=px), settings(), 1) for px in (1e6, 1e9, 1e12))
    assert small < large == larger


def test_the_engine_is_as_the_estimate_takes_it():
    assert (READ_AHEAD_BYTES, TILES_IN_A_PASS) == (AHEAD_BYTES, CPU_TILES)
