"""What made-up runs that map lack, and catalogues of craters."""

from itertools import product

import pyarrow as pa
import pytest

from orbitile.errors import OrbitileError
from orbitile.jobs.exclusions import left_out
from orbitile.jobs.pieces import Failure, Work
from orbitile.jobs.place import WORK_FOLDERS, Place
from orbitile.tables.parquet import write_arrow
from orbitile.tables.plan import Group, Origin, Unplanned, write_plan


@pytest.fixture
def plan(tmp_path):
    """Writes a plan of two scenes, and tables of stages whose work left out what is said."""

    def write(chain, failures, unplanned=()):
        rows = [dict(scene=name, group=name, path=f"{name}.tif") for name in "ab"]
        groups = [Group(name, [], [], "v", 1.0) for name in "ab"]
        write_plan(rows, groups, list(unplanned), Origin("", "", "", chain), tmp_path / "plan.parquet")
        for stage, group in product(WORK_FOLDERS, "ab"):
            path = Place(tmp_path, stage, group).table
            path.parent.mkdir(parents=True, exist_ok=True)
            failure = failures.get((stage, group))
            write_arrow(pa.table({}), path, Work(failures=[failure] if failure else []).account)
        return str(tmp_path / "plan.parquet")

    return write


@pytest.mark.parametrize("stage", ["tile", "infer", "stitch", "outline"])
def test_what_a_stage_left_out_is_told(plan, stage):
    failure = Failure("b", "100 m/px", "disk full", "")
    path = plan("segmentation", {(stage, "b"): failure}, [Unplanned("c", "c.tif", "", "c.tif: no header")])
    expected = [
        dict(scene="b", detail="100 m/px", reason="disk full"),
        dict(scene="c", detail="", reason="c.tif: no header"),
    ]
    assert left_out(path, allowed=True) == expected
    with pytest.raises(OrbitileError, match="2 pieces were left out in an earlier call") as error:
        left_out(path, allowed=False)
    assert "\n" not in str(error.value)


def test_what_isis_left_out_is_told(plan):
    path = plan("detection", {("isis", "a"): Failure("a", "", "no kernels", "")})
    assert left_out(path, allowed=True) == [dict(scene="a", detail="", reason="no kernels")]


def test_groups_that_need_no_isis_have_no_table_of_it(plan, tmp_path):
    path = plan("detection", {})
    for group in "ab":
        Place(tmp_path, "isis", group).table.unlink()
    assert left_out(path, allowed=False) == []


def test_stages_of_the_other_chain_do_not_count(plan):
    path = plan("detection", {("stitch", "b"): Failure("b", "", "disk full", "")})
    assert left_out(path, allowed=False) == []
