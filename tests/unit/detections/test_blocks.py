import numpy as np
import pytest

from orbitile.detections.blocks import Blocks, GroundBlocks
from orbitile.tables.craters import Craters


def made_up(count, seed=0, lon=(-180, 180), lat=(-90, 90)):
    random = np.random.default_rng(seed)
    return Craters(random.uniform(*lon, count), random.uniform(*lat, count), np.ones(count))


@pytest.mark.parametrize(
    ("lon", "lat"),
    [((-180, 180), (-90, 90)), ((179, 181), (-1, 1)), ((-180, 180), (89, 90)), ((10, 10.001), (5, 5.02))],
)
def test_blocks_hold_equally_many_craters(lon, lat):
    craters = made_up(320, lon=lon, lat=lat)
    numbers = GroundBlocks.of(craters, 5).numbers(craters)
    assert np.bincount(numbers, minlength=32).tolist() == [10] * 32


def test_every_place_lies_in_a_block():
    numbers = GroundBlocks.of(made_up(64, lon=(0, 5), lat=(0, 5)), 4).numbers(made_up(1000, seed=1))
    assert set(numbers) <= set(range(16))


@pytest.mark.parametrize(
    ("craters", "grounds", "blocks", "unit"),
    [
        (1000, 1, 32, "blocks"), (1000, 2, 32, "blocks"), (1000, 3, 48, "blocks"), (1000, 5, 40, "blocks"),
        (1000, 7, 56, "blocks"), (1000, 8, 8, "scenes"), (0, 63, 63, "scenes"), (3, 1, 1, "blocks"),
        (0, 1, 1, "blocks"), (9, 1, 2, "blocks"), (127, 1, 16, "blocks"), (128, 1, 32, "blocks"),
    ],
)  # fmt: skip
def test_how_many_blocks(craters, grounds, blocks, unit):
    made = Blocks.of({str(number): made_up(craters, number) for number in range(grounds)})
    assert (made.count, made.unit) == (blocks, unit)


def test_blocks_of_several_grounds_are_numbered_through():
    parts = {name: made_up(100, seed) for seed, name in enumerate("abc")}
    blocks = Blocks.of(parts)
    numbers = [set(blocks.numbers(name, part).tolist()) for name, part in parts.items()]
    assert numbers == [set(range(first, first + 16)) for first in (0, 16, 32)]


def test_craters_at_one_place_stay_together():
    craters = Craters(np.full(100, 12.0), np.full(100, 3.0), np.ones(100))
    assert len(set(GroundBlocks.of(craters, 4).numbers(craters))) == 1
