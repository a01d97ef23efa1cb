"""contact_sheets: pages of chips of the craters of a catalogue that are worth a look."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from orbitile.base.files import write_json, write_text
from orbitile.base.provenance import provenance
from orbitile.catalogue import open as open_catalogue
from orbitile.pictures.chip_pages import draw_chip_page
from orbitile.review.additions import FramePairing
from orbitile.review.chips import chips_of_rows
from orbitile.review.contact_sheets import Sheet, SheetChoice, SheetTables, SizeRange, choose_sheets
from orbitile.tables.enlarged_rasters import NOT_ENLARGED

log = logging.getLogger(__name__)

LISTED = ("sheet", "number", "id", "scene", "lon", "lat", "diameter_km", "score", "probability", "unseen_scale_m")
"""Columns of the table of all craters on the sheets."""
DECIMALS = dict(lon=6, lat=6, diameter_km=6, score=4, probability=4)


class SheetInputs(NamedTuple):
    """The manifest of the catalogue, and the groups' tables of detections and rasters.

    `enlarged` holds the factors of scales that were searched in enlarged pixels.
    """

    catalogue: str
    detections: Sequence[str]
    rasters: Sequence[str]
    enlarged: Mapping[float, int] = NOT_ENLARGED


class SheetFiles(NamedTuple):
    """Where the manifest and the table of all craters go; the pages lie beside the manifest."""

    manifest: str
    table: str


def contact_sheets(
    inputs: SheetInputs, size_limits: Mapping[float, Mapping], overlap: Mapping[str, Any], files: SheetFiles
) -> None:
    """Draw a page for each sheet that has any craters, then write a table of all craters on them, last the manifest.

    `size_limits` are those of each scale in m/px (see orbitile.detections.tiling.SizeLimits), `overlap` says from which
    `iou_threshold` on two detections are the same crater, and whether `scenes_apart` have none in common.
    """
    Path(files.manifest).unlink(missing_ok=True)
    catalogue = open_catalogue(inputs.catalogue)
    rasters = {Path(path).stem: path for path in inputs.rasters}
    groups = {Path(path).stem: SheetTables(path, rasters[Path(path).stem]) for path in inputs.detections}
    sizes = [SizeRange.of(scale_m, limits) for scale_m, limits in size_limits.items()]
    pairing = FramePairing(radius_m=catalogue.body.radius_m, **overlap)
    sheets = choose_sheets(catalogue, groups, SheetChoice(sizes, pairing, inputs.enlarged))
    run, folder = Path(inputs.catalogue).resolve().parent.parent, Path(files.manifest).parent
    listed = [_draw(sheet, run, catalogue.body.radius_m, folder) for sheet in sheets]
    table = pd.concat(listed).reindex(columns=list(LISTED)).round(DECIMALS)
    write_text(files.table, table.to_csv(index=False, lineterminator="\n"))
    about = dict(
        catalogue_sha256=catalogue.metadata.get("sha256"), sheets=[_described(sheet) for sheet in sheets],
        settings=dict(scales_m=list(size_limits), **overlap), **provenance(),
    )  # fmt: skip
    write_json(files.manifest, about)
    log.info("%d sheets of %d have craters", sum(sheet.total > 0 for sheet in sheets), len(sheets))


def _draw(sheet: Sheet, run: Path, radius_m: float, folder: Path) -> pd.DataFrame:
    """Draw a sheet that has craters, remove an earlier one else; returns its rows with their numbers."""
    path = folder / f"{sheet.name}.png"
    if not sheet.total:
        path.unlink(missing_ok=True)
        return sheet.rows
    rows = sheet.rows.assign(number=range(1, len(sheet.rows) + 1), sheet=sheet.name)
    chips, reasons = chips_of_rows(rows, run, radius_m)
    if reasons:
        log.warning("%s: %d craters have no image: %s", sheet.name, len(reasons), reasons[0])
    draw_chip_page(chips, path, _title(sheet))
    return rows


def _title(sheet: Sheet) -> str:
    listed = "all" if sheet.total == len(sheet.rows) else f"{len(sheet.rows)} of"
    return f"{sheet.about[:1].upper()}{sheet.about[1:]}: {listed} {sheet.total:,} craters"


def _described(sheet: Sheet) -> dict:
    path = f"{sheet.name}.png" if sheet.total else None
    return dict(sheet=sheet.name, about=sheet.about, path=path, shown=len(sheet.rows), craters=sheet.total)
