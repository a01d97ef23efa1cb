"""Suppression of one group of a run, with the tables that the workflow hands over, and what it leaves."""

from itertools import chain
from pathlib import Path

import pandas as pd

from orbitile.calibration.row_confidence import RowConfidence
from orbitile.detections.nms.settings import NmsSettings
from orbitile.space.bodies import find_body
from orbitile.stages.suppress import DetectionTables, suppress
from orbitile.tables.crater_parts import read_survivors
from orbitile.tables.detections import ORDER
from orbitile.tables.plan import read_plan


def suppress_group(
    group: str, plan: str | Path, settings: NmsSettings, out: str | Path, confidence: RowConfidence | None = None
) -> None:
    """Run the stage `suppress` on the Moon; detections lie in the folder of that name next to the plan.

    As in the rule `suppress`, the tables are that of the group and those of the groups in its rings, and no others.
    """
    folder = Path(plan).parent / "detections"
    rings = read_plan(Path(plan)).rings(group, settings.rings)
    tables = DetectionTables(
        str(folder / f"{group}.parquet"), [str(folder / f"{name}.parquet") for name in chain(*rings)]
    )
    suppress(tables, str(plan), settings, find_body("Moon"), str(out), confidence)


def sorted_survivors(path: str | Path) -> pd.DataFrame:
    """A group's survivors sorted by place, whatever their order in the file."""
    return read_survivors(path).sort_values(ORDER, ignore_index=True)
