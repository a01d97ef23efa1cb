import importlib.util
from pathlib import Path

import numpy as np
import pytest

SPEC = importlib.util.spec_from_file_location("fields", Path(__file__).parents[3] / "benchmarks" / "fields.py")
COUNT = 20_000


@pytest.fixture
def fields():
    """A copy with chunks small enough that a small field has several."""
    module = importlib.util.module_from_spec(SPEC)
    SPEC.loader.exec_module(module)
    module.CHUNK = 6000
    return module


def whole(chunks):
    chunks = list(chunks)
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


@pytest.mark.parametrize("surface", ["plane", "moon"])
def test_a_field_on_disk_is_the_field_in_memory(fields, surface, tmp_path):
    make = getattr(fields, surface)
    fields.write(make(COUNT), COUNT, tmp_path / "field")
    read, made = fields.read(tmp_path / "field"), whole(make(COUNT))
    assert read.keys() == made.keys()
    assert all(len(made[name]) == COUNT for name in made)
    assert all(np.array_equal(read[name], made[name]) and read[name].dtype == made[name].dtype for name in made)


def test_both_surfaces_hold_the_same_boxes_in_units_of_the_smallest(fields):
    plane, moon = whole(fields.plane(COUNT)), whole(fields.moon(COUNT))
    smallest = np.sqrt(4 * np.pi * fields.DENSITY / COUNT)
    here = np.ptp(plane["corners"].reshape(-1, 2, 2), axis=1).mean(axis=1) / fields.SMALLEST_M
    there = (moon["width"] + moon["height"]) / 2 / smallest
    shares = [[(sizes > factor).mean() for factor in (2, 4, 8)] for sizes in (here, there)]
    assert shares == [pytest.approx([1 / 4, 1 / 16, 1 / 64], rel=0.15)] * 2
    assert np.abs(moon["lat"]).max() > 88 and np.ptp(moon["lon"]) > 359


def test_half_of_the_boxes_are_copies_of_others(fields):
    corners = whole(fields.plane(COUNT))["corners"].astype(float)
    middle, size = (corners[:, :2] + corners[:, 2:]) / 2, (corners[:, 2:] - corners[:, :2]).mean(axis=1)
    sample = np.arange(0, COUNT, 40)
    off = np.abs(middle[sample, None] - middle).max(axis=2) / size[sample, None]
    near = (off < 0.2) & (np.abs(np.log(size / size[sample, None])) < 0.25)
    # Of originals, 1/e have no copy; copies have at least their original.
    assert (near.sum(axis=1) > 1).mean() == pytest.approx(1 - 0.5 / np.e, abs=0.04)


def test_equal_scores_are_in_the_order_of_coordinates_and_never_reach_across_chunks(fields):
    field = whole(fields.plane(COUNT))
    by_index = np.argsort(field["scores"], kind="stable")
    assert np.array_equal(by_index, np.lexsort((*field["corners"].T[::-1], field["scores"])))
    chunk_of = np.arange(COUNT) // fields.CHUNK
    tied = np.diff(field["scores"][by_index]) == 0
    assert tied.sum() > COUNT * fields.TIED / 4
    assert not np.diff(chunk_of[by_index])[tied].any()
    assert field["scores"].min() > 0 and field["scores"].max() <= 1
