"""Labels of CTX images; the real one is of B10_013341_1010_XN_79S172W, the others are made up."""

from pathlib import Path

import pytest

from orbitile.errors import OrbitileError
from orbitile.isis.label import is_summed

LABEL = Path(__file__).parents[1] / "data" / "camera" / "ctx" / "B10_013341_1010_XN_79S172W_pds3.lbl"


def test_a_real_label():
    assert not is_summed("CTX", LABEL)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("SAMPLING_FACTOR = 1", False),
        ("SAMPLING_FACTOR = 2", True),
        ("SPATIAL_SUMMING = 2", True),
        ("SPATIAL_SUMMING = 1\nSAMPLING_FACTOR = 2", False),
    ],
)
def test_keywords_old_and_new_before_pixels(tmp_path, line, expected):
    """ISIS looks for the older keyword first."""
    path = tmp_path / "a.IMG"
    text = LABEL.read_text().replace("SAMPLING_FACTOR = 1", line).rstrip()
    path.write_bytes(text.replace("\n", "\r\n").encode() + b"\r\n" + bytes(range(256)) * 50)
    assert is_summed("CTX", path) == expected


@pytest.mark.parametrize("instrument", ["HIRISE", "LROC_NACL", "MDIS_NAC"])
def test_others_are_not_asked(instrument):
    assert not is_summed(instrument, "nowhere.IMG")


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
        is_summed("CTX", path)
    assert str(error.value).startswith(f"{path}: ")
    assert says in str(error.value)
    assert "\n" not in str(error.value)
