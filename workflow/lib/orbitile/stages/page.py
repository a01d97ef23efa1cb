"""page: a page to look at a run in a browser, and to judge its craters (docs/page.md)."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orbitile.base.manifests import read_manifest
from orbitile.catalogue import open as open_catalogue
from orbitile.detections.matching import MatchCriteria
from orbitile.detections.truth_on_ground import SearchedScenes, TruthOnGround
from orbitile.gis.run_layers import LeftOutGround
from orbitile.space.bodies import Body
from orbitile.tables.craters import CraterTable
from orbitile.tables.datasets import published_folder
from orbitile.tables.rasters import read_rasters_of_groups
from orbitile.web.run_page import PageChoice, RunPage, searched_outlines
from orbitile.web.truth_comparison import ComparedTable

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PageInputs:
    """What a page is made of: the manifest of the catalogue or the map, the plan, and the groups' tables of rasters.

    `completeness` is the manifest of the searched footprints of a catalogue; of a map there is none. `compared` is a
    table of craters, if any, that the catalogue is compared with: the truth or, if it has a `name`, another one.
    `enlarged` holds the factors of scales that were searched in enlarged pixels.
    """

    manifest: str
    plan: str
    rasters: Sequence[str]
    completeness: str | None = None
    compared: CraterTable | None = None
    name: str | None = None
    enlarged: Mapping[float, int] = field(default_factory=dict)


def page(inputs: PageInputs, criteria: MatchCriteria, body: Body, choice: PageChoice, index: str) -> None:
    """Write the page, whose first file is `index`, and all files beside it in its folder, completely or not at all.

    `criteria` say when a row matches a crater of the other table.
    """
    manifest = Path(inputs.manifest)
    rasters = read_rasters_of_groups(inputs.rasters)
    catalogue = open_catalogue(manifest) if inputs.completeness else None
    with published_folder(Path(index).parent) as folder:
        made = RunPage(folder, body, choice, rasters)
        made.copy_program()
        metadata = read_manifest(manifest)
        content = made.write_images() | made.write_rows(catalogue, _compared(inputs, metadata["exclusions"], criteria))
        content["searched"] = searched_outlines(Path(inputs.completeness)) if inputs.completeness else []
        content["layers"] = made.write_features(None if catalogue else manifest)
        ground = LeftOutGround.of(metadata["exclusions"], rasters, body, inputs.enlarged)
        made.write_run(Path(inputs.plan), metadata, ground, content)
    log.info("%d image tiles and %d rows", _tile_count(content), content["rows"])


def _compared(inputs: PageInputs, failed: Sequence[Mapping[str, str]], criteria: MatchCriteria) -> ComparedTable | None:
    if inputs.compared is None or inputs.completeness is None:
        return None
    scenes = SearchedScenes(inputs.rasters, failed, inputs.enlarged)
    return ComparedTable(TruthOnGround.read(inputs.compared, scenes, criteria)[0], inputs.name)


def _tile_count(content: dict) -> int:
    runs = [run for shown in content["maps"].values() for run in shown["tiles"]]
    return sum(last - first + 1 for _, _, first, last in runs)
