"""HiRISE: columns, decompanding, gaps. The real image is PSP_001446_1790_BG12_0; others are made up."""

import numpy as np
import pytest
from raw_archive import HIRISE, random_pixels, read_all, zeros

from orbitile.georeferencing.instruments.registry import read_product
from orbitile.georeferencing.raw.products import Columns


@pytest.mark.parametrize("width, channel, first", [(1024, 0, 1024), (512, 1, 0), (256, 0, 1024), (341, 1, 0)])
def test_columns_of_hirise(archive, width, channel, first):
    product = read_product(archive.hirise(zeros(2, width), **{"MRO:CHANNEL_NUMBER": channel}))
    assert product.columns == Columns(0, 0, first, 1024 // width)
    assert product.layout.line_bytes == width + 34


def test_raw_hirise_equals_isis():
    """hi2isis with unlut=false: mean 171.30529, sum 219270783 of 1280000 pixels: all of them, with no saturated one."""
    stored, valid = read_all(HIRISE, decompanded=False)
    assert valid.sum() == 1280000
    assert stored.sum(dtype=int) == 219270783
    assert stored.mean() == pytest.approx(171.30529, abs=1e-5)
    assert stored.std(ddof=1) == pytest.approx(4.623223, abs=5e-6)


def test_decompanded_hirise_is_the_middle_of_each_range():
    product = read_product(HIRISE)
    stored, _ = read_all(HIRISE, decompanded=False)
    counts, valid = read_all(HIRISE)
    middle = product.label.numbers("MRO:LOOKUP_CONVERSION_TABLE").mean(axis=1)
    assert counts.tolist() == middle[stored].tolist()
    assert valid.all()


def test_gaps_of_hirise_are_not_valid(archive):
    raw = random_pixels(4, 256, high=254)
    raw[1, 5], raw[2, 6], raw[3, 7] = 255, 254, 0
    stored, valid = read_all(archive.hirise(raw))
    assert np.array_equal(stored, raw)
    assert np.argwhere(~valid).tolist() == [[1, 5], [2, 6], [3, 7]]


def test_hirise_of_16_bits(archive):
    raw = np.arange(4 * 1024).reshape(4, 1024).astype(np.uint16) * 5
    raw[1, 5], raw[2, 6], raw[3, 7] = 65535, 16383, 16382
    stored, valid = read_all(archive.hirise(raw))
    assert stored.dtype == np.uint16
    assert np.array_equal(stored, raw)
    assert np.array_equal(valid, (raw > 0) & (raw < 16383))


@pytest.mark.parametrize("sync, arrived", [(b"\xff\x00\xe8", True), (b"\xff\xff\xff", False), (b"\x00\x00\x00", False)])
def test_lines_of_hirise_that_did_not_arrive_are_not_valid(archive, sync, arrived):
    _, valid = read_all(archive.hirise(random_pixels(3, 256), sync))
    assert valid.all() if arrived else not valid.any()


def test_values_that_hirise_s_table_leaves_out_are_not_valid(archive):
    table = {"MRO:LOOKUP_CONVERSION_TABLE": "((0, 9), (10, 20), (-9998, -9998))"}
    raw = np.array([1, 2, 3, 1] * 64, np.uint8).reshape(1, 256)
    counts, valid = read_all(archive.hirise(raw, **table))
    assert counts[0, 0] == 15
    assert valid.sum() == 128
