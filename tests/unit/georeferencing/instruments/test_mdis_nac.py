"""MESSENGER MDIS NAC: columns and gaps; images are made up."""

import numpy as np
import pytest
from raw_archive import read_all, zeros

from orbitile.georeferencing.instruments.registry import read_product
from orbitile.georeferencing.raw.products import Columns


@pytest.mark.parametrize(
    "width, keywords, expected",
    [
        (1024, {}, Columns(4, 0, 4, 1)),
        (512, {}, Columns(2, 0, 4, 2)),
        (256, {"MESS:PIXELBIN": 2}, Columns(1, 0, 4, 4)),
        (128, {"MESS:PIXELBIN": 4}, Columns(1, 0, 8, 8)),
        (512, {"MESS:FPU_BIN": 0, "MESS:PIXELBIN": 2}, Columns(2, 0, 4, 2)),
    ],
)
def test_columns_of_mdis(archive, width, keywords, expected):
    product = read_product(archive.mdis(zeros(width, width), **keywords))
    assert (product.instrument, product.body) == ("MDIS_NAC", "Mercury")
    assert product.columns == expected


def test_mdis_of_16_bits(archive):
    raw = np.arange(1024 * 1024).reshape(1024, 1024).astype(np.uint16) % 4096
    stored, valid = read_all(archive.mdis(raw, **{"MESS:COMP12_8": 0}))
    assert stored.dtype == np.uint16
    assert stored.dtype.isnative
    assert np.array_equal(stored, raw[:, 4:])
    assert np.array_equal(valid, (stored > 0) & (stored <= 3400))


def test_mdis_outside_of_subframes_is_not_valid(archive):
    raw = np.zeros((512, 512), np.uint8)
    raw[100:200, 50:70] = 30
    _, valid = read_all(archive.mdis(raw, **{"MESS:SUBFRAME": 1}))
    assert valid[100:200, 48:68].all()
    assert valid.sum() == 100 * 20
