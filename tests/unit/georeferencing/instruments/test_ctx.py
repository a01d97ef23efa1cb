"""CTX: columns, pixels, and labels of summed images. The real label is that of B10_013341_1010; others are made up."""

import numpy as np
import pytest
from raw_archive import CTX_LABEL, random_pixels, read_all, zeros

from orbitile.base.errors import OrbitileError
from orbitile.georeferencing.instruments.ctx import skipped_programs
from orbitile.georeferencing.instruments.registry import read_product
from orbitile.georeferencing.raw.products import Columns


@pytest.mark.parametrize(
    "keywords, width, expected",
    [
        (dict(), 5056, Columns(38, 18, 0, 1)),
        (dict(SAMPLING_FACTOR=2), 2528, Columns(19, 9, 0, 2)),
        (dict(SAMPLING_FACTOR=None, SPATIAL_SUMMING=2), 2528, Columns(19, 9, 0, 2)),
        (dict(SAMPLE_FIRST_PIXEL=1000), 2016, Columns(16, 0, 1000, 1)),
        (dict(SAMPLE_FIRST_PIXEL=None, EDIT_MODE_ID='"1000"', SAMPLING_FACTOR=2), 1008, Columns(8, 0, 1000, 2)),
    ],
)
def test_columns_of_ctx(archive, keywords, width, expected):
    product = read_product(archive.ctx(zeros(2, width), **keywords))
    assert product.columns == expected
    assert product.width == width - expected.left - expected.right


def test_ctx_without_its_dark_columns(archive):
    raw = random_pixels(5, 5056)
    raw[2, 100:110] = 0
    stored, valid = read_all(archive.ctx(raw))
    assert stored.dtype == np.uint8
    assert np.array_equal(stored, raw[:, 38:-18])
    assert np.argwhere(~valid).tolist() == [[2, col] for col in range(62, 72)]


def test_a_real_label_is_not_summed():
    assert skipped_programs(CTX_LABEL) == frozenset()


@pytest.mark.parametrize(
    ("line", "is_summed"),
    [
        ("SAMPLING_FACTOR = 1", False),
        ("SAMPLING_FACTOR = 2", True),
        ("SPATIAL_SUMMING = 2", True),
        ("SPATIAL_SUMMING = 1\nSAMPLING_FACTOR = 2", False),
    ],
)
def test_keywords_old_and_new_before_pixels(tmp_path, line, is_summed):
    """ISIS looks for the older keyword first."""
    path = tmp_path / "a.IMG"
    text = CTX_LABEL.read_text().replace("SAMPLING_FACTOR = 1", line).rstrip()
    path.write_bytes(text.replace("\n", "\r\n").encode() + b"\r\n" + bytes(range(256)) * 50)
    assert ("ctxevenodd" in skipped_programs(path)) == is_summed


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "does not begin with a PDS3 label"),
        (bytes(range(256)), "does not begin with a PDS3 label"),
        (b"BEGIN_OBJECT = x\nA =", "does not begin with a PDS3 label"),
        (b"OBJECT = x\nA =", "its label has no END"),
        (b"PDS_VERSION_ID = PDS3\nSAMPLING_FACTOR = 1.5\nEND\n", "SAMPLING_FACTOR is 1.5 in the label"),
        (b"PDS_VERSION_ID = PDS3\nEND\n", "neither SPATIAL_SUMMING nor SAMPLING_FACTOR"),
    ],
)
def test_what_is_no_label_is_told_in_one_line(tmp_path, content, says):
    path = tmp_path / "a.IMG"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OrbitileError) as error:
        skipped_programs(path)
    assert str(error.value).startswith(f"{path}: ")
    assert says in str(error.value)
    assert "\n" not in str(error.value)
