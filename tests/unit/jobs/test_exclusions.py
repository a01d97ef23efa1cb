"""What made-up runs that map lack, and catalogues of craters."""

from itertools import product

import pyarrow as pa
import pytest
from plan_rows import plan_row

from orbitile.base.errors import OrbitileError
from orbitile.jobs.exclusions import read_run_exclusions
from orbitile.jobs.paths import JobPaths
from orbitile.jobs.pieces import Failure, JobWork
from orbitile.pipeline import WORK_FOLDERS
from orbitile.tables.parquet import write_arrow
from orbitile.tables.plan import PlanGroup, PlanOrigin, UnplannedScene, write_plan


@pytest.fixture
def plan(tmp_path):
    """Writes a plan of two scenes, and tables of stages whose work left out what is said."""

    def write(chain, failures, unplanned=()):
        rows = [plan_row(name, name) for name in "ab"]
        groups = [PlanGroup(name, [], [], "v", 1.0) for name in "ab"]
        write_plan(rows, groups, list(unplanned), PlanOrigin("", "", "", chain), tmp_path / "plan.parquet")
        for stage, group in product(WORK_FOLDERS, "ab"):
            path = JobPaths(tmp_path, stage, group).table
            path.parent.mkdir(parents=True, exist_ok=True)
            failure = failures.get((stage, group))
            write_arrow(pa.table({}), path, JobWork(failures=[failure] if failure else []).table_metadata)
        return str(tmp_path / "plan.parquet")

    return write


@pytest.mark.parametrize("stage", ["tile", "infer", "stitch", "outline"])
def test_what_a_stage_left_out_is_told(plan, stage):
    failure = Failure("b", "100 m/px", "disk full", "")
    path = plan("segmentation", {(stage, "b"): failure}, [UnplannedScene("c", "c.tif", "", "c.tif: no header")])
    expected = [
        dict(scene="b", detail="100 m/px", reason="disk full"),
        dict(scene="c", detail="", reason="c.tif: no header"),
    ]
    assert read_run_exclusions(path, allowed=True) == expected
    with pytest.raises(OrbitileError, match="2 pieces were left out in an earlier call") as error:
        read_run_exclusions(path, allowed=False)
    assert "\n" not in str(error.value)


def test_what_isis_left_out_is_told(plan):
    path = plan("detection", {("isis", "a"): Failure("a", "", "no kernels", "")})
    assert read_run_exclusions(path, allowed=True) == [dict(scene="a", detail="", reason="no kernels")]


def test_groups_that_need_no_isis_have_no_table_of_it(plan, tmp_path):
    path = plan("detection", {})
    for group in "ab":
        JobPaths(tmp_path, "isis", group).table.unlink()
    assert read_run_exclusions(path, allowed=False) == []


def test_stages_of_the_other_chain_do_not_count(plan):
    path = plan("detection", {("stitch", "b"): Failure("b", "", "disk full", "")})
    assert read_run_exclusions(path, allowed=False) == []
