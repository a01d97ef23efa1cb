import errno

import pytest

from orbitile.base.errors import WAYS_OUT, OrbitileError, machine_fault, name_file, reason_of
from orbitile.base.files import atomic, write_text

FULL = WAYS_OUT[errno.ENOSPC]


def raised_from(cause, error):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OrbitileError("a.tif: made up\nmore"), "a.tif: made up"),
        (OSError(errno.ENOSPC, "No space left on device", "a.tif"), f"a.tif: {FULL}"),
        (OSError(errno.ENOSPC, "No space left on device"), f"No space left on device: {FULL}"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "a.tif"), f"a.tif: {WAYS_OUT[errno.EDQUOT]}"),
        (RuntimeError("database or disk is full"), f"database or disk is full: {FULL}"),
        (raised_from(OSError(errno.EROFS, "Read-only", "a.gpkg"), ValueError("made up")),
         f"a.gpkg: {WAYS_OUT[errno.EROFS]}"),
        (MemoryError("12 GB"), f"MemoryError: {WAYS_OUT[errno.ENOMEM]}"),
        (OSError(errno.ENXIO, "No such device"), "OSError: [Errno 6] No such device"),
        (KeyError("a"), "KeyError: 'a'"),
    ],
)  # fmt: skip
def test_an_error_in_one_line(error, reason):
    assert reason_of(error) == reason


def test_an_error_met_while_another_was_handled_is_none_of_the_machine():
    """What was handled is no cause."""
    error = KeyError("a")
    error.__context__ = FileNotFoundError(errno.ENOENT, "No such file", "cache")
    assert machine_fault(error) is None


def test_a_full_disk_is_told_by_the_file_that_was_written(tmp_path):
    with pytest.raises(RuntimeError) as caught, atomic(tmp_path / "a.png"):
        raise RuntimeError("encoder: No space left on device")
    assert reason_of(caught.value) == f"{tmp_path / 'a.png'}: {FULL}"


def test_an_input_that_cannot_be_read_is_not_told_by_the_output(tmp_path):
    with pytest.raises(OSError, match=r"in\.tif") as caught, atomic(tmp_path / "out.tif"):
        raise OSError(errno.EIO, "Input/output error", "in.tif")
    assert reason_of(caught.value).startswith("in.tif: ")


def test_errors_that_take_no_attributes_stay_as_they_are():
    error = OSError(errno.ENOSPC, "No space left on device")
    name_file(error, "a.tif")
    assert reason_of(error) == f"a.tif: {FULL}"


def test_a_file_on_a_full_disk_names_itself(tmp_path):
    with pytest.raises(OSError, match="full"), atomic("/dev/full/a"):
        pass
    write_text(tmp_path / "a", "b")
