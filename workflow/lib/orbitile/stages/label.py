"""label: label rasters of all scenes, and the tiles that a segmentation network learns from."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from orbitile.files import key, sha256
from orbitile.labels.burn import label_raster
from orbitile.labels.read import LabelFields, read_labels
from orbitile.space.bodies import Body
from orbitile.tables.rasters import RasterRow, read_rasters
from orbitile.training.segmentation.tiles import TileCut, cut_tiles

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labelling:
    """How vector files become labels: their columns, and half the widths in pixels of lines of a width class."""

    body: Body
    fields: LabelFields
    buffers_px: Mapping[str, float]

    @classmethod
    def of(
        cls, body: Body, classes: Sequence[str], width_field: str, class_field: str | None, buffers_px: dict[str, float]
    ) -> Self:
        """From the settings' section `labels`, and the names of the classes."""
        return cls(body, LabelFields(width_field, class_field, tuple(classes)), buffers_px)


def label(rasters: Sequence[str], labels: Sequence[str], how: Labelling, cut: TileCut, folder: str, out: str) -> None:
    """Write label rasters of all scenes into `folder`, and the table of tiles (training.segmentation.tiles.SCHEMA).

    `labels` are vector files.
    """
    rows = sorted((row for path in rasters for row in read_rasters(path)), key=lambda row: row.scene)
    drawn = read_labels(labels, how.body, how.fields)
    version = key(labels=[sha256(path) for path in labels], fields=vars(how.fields), buffers=how.buffers_px)
    paths = [_path(row, version, Path(folder)) for row in rows]
    for row, path in zip(rows, paths, strict=True):
        if not path.is_file():
            label_raster(row, drawn, path, how.buffers_px)
            log.info("scene %s labelled", row.scene)
    cut_tiles(rows, [str(path) for path in paths], cut, out)


def _path(row: RasterRow, version: str, folder: Path) -> Path:
    return folder / f"{row.scene}-{key(raster=row.path, version=version)}.tif"
