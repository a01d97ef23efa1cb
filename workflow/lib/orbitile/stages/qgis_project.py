"""qgis_project: all layers of a run as a project of QGIS, and the scenes of the run as a layer of it."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orbitile.base.manifests import read_manifest
from orbitile.base.provenance import provenance
from orbitile.gis.project import LayerGroup, Project
from orbitile.gis.run_layers import (
    catalogue_layers,
    footprint_layers,
    judging_layer,
    map_layers,
    map_of,
    probability_classes,
    probability_groups,
    raster_groups,
    scene_layers,
    scene_outlines,
)
from orbitile.review.judgements import VERDICTS
from orbitile.space.bodies import Body
from orbitile.tables.rasters import RasterRow, read_rasters_of_groups
from orbitile.tables.vectors import write_vectors

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProjectInputs:
    """What a project is made of: the manifest of the catalogue or the map, the plan, and the groups' tables of rasters.

    `completeness` is the manifest of the searched footprints of a catalogue, `judging` that of the layer in which
    people judge it, `stitched` the tables of the rasters of probabilities of a map, `enlarged` the factors of scales
    that were searched in enlarged pixels.
    """

    manifest: str
    plan: str
    rasters: Sequence[str]
    completeness: str | None = None
    stitched: Sequence[str] = ()
    judging: str | None = None
    enlarged: Mapping[float, int] = field(default_factory=dict)


def qgis_project(inputs: ProjectInputs, body: Body, project: str, scenes: str) -> None:
    """Write the project (.qgz) and the scenes (.gpkg), which it names, as it names all files by their relative paths.

    Whatever hides others is further down: footprints and scenes lie over the map or the catalogue, images below.
    """
    metadata = read_manifest(Path(inputs.manifest))
    rows = read_rasters_of_groups(inputs.rasters)
    outlines = scene_outlines(Path(inputs.plan), metadata["exclusions"], rows, body, inputs.enlarged)
    described = {"orbitile": json.dumps(dict(run=metadata["run"], **provenance()), sort_keys=True)}
    write_vectors(outlines, str(Path(scenes).with_suffix("")), described, formats=["gpkg"])
    groups = [scene_layers(Path(scenes), outlines), *_results(inputs, body), *raster_groups(rows)]
    crs, bounds = map_of(rows, body)
    Project(metadata["run"], body, crs, bounds, [group for group in groups if group.layers]).write(project)
    log.info("%d layers in the map %s", sum(len(group.layers) for group in groups), crs.name)


def _results(inputs: ProjectInputs, body: Body) -> list[LayerGroup]:
    """The catalogue and what was searched, or the map and the probabilities that it was made of."""
    manifest = Path(inputs.manifest)
    if inputs.completeness:
        layers = [*footprint_layers(Path(inputs.completeness), body), *catalogue_layers(manifest, body)]
        return [*_judging(inputs, body), LayerGroup("catalogue", layers)]
    rows = read_rasters_of_groups(inputs.stitched)
    classes = _classes(rows)
    return [LayerGroup("map", map_layers(manifest, classes, body)), *probability_groups(rows, classes)]


def _judging(inputs: ProjectInputs, body: Body) -> list[LayerGroup]:
    if inputs.judging is None:
        return []
    manifest = Path(inputs.judging)
    about = read_manifest(manifest)
    layer = judging_layer(manifest.parent / about["layer"], about["catalogue_sha256"], VERDICTS, body)
    return [LayerGroup("judging", [layer])]


def _classes(rows: Sequence[RasterRow]) -> list[str]:
    return probability_classes(rows[0].path) if rows else []
