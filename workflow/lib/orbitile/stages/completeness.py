"""completeness: the searched footprints of a run, and from which diameter on its catalogue is complete there."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import geopandas
import pandas as pd

from orbitile.base.files import write_json
from orbitile.base.manifests import read_manifest
from orbitile.base.provenance import provenance
from orbitile.calibration.figures import COMPLETE_PERCENT
from orbitile.calibration.statement import CatalogueStatement
from orbitile.features.footprints import searched_footprints, united_area_km2
from orbitile.gis.layer_styles import footprint_renderer, style_text, write_style_file
from orbitile.space.bodies import Body
from orbitile.tables.enlarged_rasters import NOT_ENLARGED, rasters_at_all_scales
from orbitile.tables.failed_windows import failed_on_maps
from orbitile.tables.rasters import coarsest, read_rasters_of_groups
from orbitile.tables.standalone_files import remove_standalone_files, write_single_files
from orbitile.tables.tiles import read_appearances
from orbitile.tables.vector_writers import VectorLayer

log = logging.getLogger(__name__)


class SearchedTables(NamedTuple):
    """The groups' tables of rasters and of tiles, and the factors of scales that were searched in enlarged pixels."""

    rasters: Sequence[str]
    tiles: Sequence[str]
    enlarged: Mapping[float, int] = NOT_ENLARGED


def completeness(
    tables: SearchedTables, catalogue: str, body: Body, formats: Sequence[str], manifest: str,
    statement: CatalogueStatement | None = None, unmapped_scenes: int = 0,
) -> None:  # fmt: skip
    """Write the footprints of all scenes as a layer beside the manifest, with its name, and the manifest last.

    Where a scene failed at any scale is not in them, for there not all sizes were searched. Each scene has the
    diameters of 50 and 90 % completeness in kilometres that the manifest of the `catalogue` states; none where nothing
    is known of them, or where its images are `unlike` those that the `statement` rests on: then a word says by what.
    The area of all together counts what several scenes show once, but in pixel coordinates, where all
    `unmapped_scenes` lie at one place.
    """
    stem = str(Path(manifest).with_suffix(""))
    remove_standalone_files(stem)
    metadata = read_manifest(Path(catalogue))
    errors = metadata["errors"] or {}
    footprints = _footprints(tables, metadata.get("exclusions", ()), body)
    unlike = statement.unlike_scenes(read_appearances(tables.tiles)).reasons if statement else {}
    footprints = footprints.assign(**_diameters(footprints["scene"], errors, unlike))
    area_km2 = footprints["area_km2"].sum() if unmapped_scenes else united_area_km2(footprints, body)
    totals = dict(
        scenes=len(footprints), area_km2=float(f"{area_km2:.9g}"), unlike_scenes=len(unlike),
        **{name: errors.get(name) for name in _ERRORS}, body=body.name, **provenance(),
    )  # fmt: skip
    styles = dict(footprints=style_text(footprint_renderer()))
    layer = VectorLayer(stem, "Polygon", body.crs, {"orbitile": json.dumps(totals, sort_keys=True)}, styles)
    if formats:
        write_style_file(stem, styles)
    write_json(manifest, totals | dict(files=write_single_files([footprints], layer, formats)))
    log.info("%d scenes, %.6g km2 searched", totals["scenes"], totals["area_km2"])


def _footprints(tables: SearchedTables, failed: Sequence[Mapping[str, str]], body: Body) -> geopandas.GeoDataFrame:
    """The footprints (scene, area_km2, geometry) of all scenes, without what failed."""
    rows = read_rasters_of_groups(tables.rasters)
    failed_shapes = failed_on_maps(failed, rasters_at_all_scales(rows, tables.enlarged))
    return searched_footprints(coarsest(rows), body, failed_shapes)


_ERRORS = [f"complete_{percent}_m" for percent in COMPLETE_PERCENT]


def _diameters(scenes: pd.Series, errors: Mapping, unlike: Mapping[str, str]) -> dict[str, pd.Series]:
    """The columns complete_50_km, complete_90_km and unlike."""
    is_like = ~scenes.isin(list(unlike))
    columns = {
        f"complete_{percent}_km": pd.Series(_kilometres(errors.get(name)), scenes.index).where(is_like)
        for percent, name in zip(COMPLETE_PERCENT, _ERRORS, strict=True)
    }
    return columns | dict(unlike=scenes.map(unlike).astype(object).where(~is_like, None))


def _kilometres(metres: float | None) -> float:
    return float("nan") if metres is None else metres / 1000
