import os
import time

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.jobs.future_files import mend_future_tables, refuse_future_files

DAY_S = 86_400


def test_tables_from_the_future_get_the_present_time(run_folder):
    """As after a clock that was put back."""
    run_folder.plan(dict(g="a", h="b"))
    future, past = run_folder.table("tile", "g"), run_folder.table("tile", "h")
    os.utime(future, (time.time() + DAY_S,) * 2)
    os.utime(past, (time.time() - DAY_S,) * 2)
    assert mend_future_tables(run_folder.path) == [future]
    assert abs(future.stat().st_mtime - time.time()) < 60
    assert past.stat().st_mtime < time.time() - DAY_S / 2
    assert mend_future_tables(run_folder.path) == []


def test_files_of_the_user_are_not_touched(tmp_path):
    path = tmp_path / "truth of mine.csv"
    path.touch()
    refuse_future_files([path, tmp_path / "missing.csv"])
    os.utime(path, (time.time() + DAY_S,) * 2)
    with pytest.raises(OrbitileError, match=r"truth of mine.csv: was changed in the future .*touch '.*mine.csv'"):
        refuse_future_files([path])
