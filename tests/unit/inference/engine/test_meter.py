"""What the engine says of itself, on a clock that is made up."""

import pytest

from orbitile.inference.engine import meter as module
from orbitile.inference.engine.meter import Meter


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def spend(meter, clock, stage, seconds):
    with meter.waiting(stage):
        clock[0] += seconds


def test_figures(clock):
    meter = Meter(workers=2)
    meter.size = 8
    meter.count_bytes(3_000_000)
    meter.count_pass(tiles=40, detections=100, capped=1)
    meter.count_busy(12)
    spend(meter, clock, "reading", 1.5)
    spend(meter, clock, "network", 8.5)
    assert meter.figures == dict(
        tiles=40, detections=100, capped_tiles=1, engine_s=10.0, tiles_in_a_pass=8, tiles_per_s=4.0,
        network_busy_percent=60.0, read_mb=3.0, waited_for_reading_s=1.5, waited_for_network_s=8.5,
        waited_for_writing_s=0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("busy", "reading", "network", "writing", "message"),
    [
        (19, 0, 20, 0, None),
        (5, 15, 5, 0, "75 % of the time is spent waiting for reading: a faster disk or more cores would help"),
        (5, 2, 3, 15, "75 % of the time is spent waiting for writing"),
        (5, 1, 19, 0, "reading tiles and collecting detections take as long as the network"),
        (0, 2, 0, 0, None),
    ],
)
def test_what_is_slowest_is_said_where_the_network_is_not_kept_busy(clock, busy, reading, network, writing, message):
    meter = Meter()
    meter.count_busy(busy)
    for stage, seconds in dict(reading=reading, network=network, writing=writing).items():
        spend(meter, clock, stage, seconds)
    assert (meter.bottleneck or "").startswith(message or "")
    assert (meter.bottleneck is None) == (message is None)
