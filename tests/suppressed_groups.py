"""Suppression of one group of a run, with the tables that the workflow hands over."""

from itertools import chain
from pathlib import Path

from orbitile.detections.nms.settings import NmsSettings
from orbitile.stages.suppress import DetectionTables, suppress
from orbitile.tables.plan import read_plan


def suppress_group(group: str, plan: str | Path, settings: NmsSettings, out: str | Path) -> None:
    """Run the stage `suppress`; detections lie in the folder of that name next to the plan.

    As in the rule `suppress`, the tables are that of the group and those of the groups in its rings, and no others.
    """
    folder = Path(plan).parent / "detections"
    rings = read_plan(Path(plan)).rings(group, settings.rings)
    tables = DetectionTables(
        str(folder / f"{group}.parquet"), [str(folder / f"{name}.parquet") for name in chain(*rings)]
    )
    suppress(tables, str(plan), settings, str(out))
