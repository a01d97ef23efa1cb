"""rasterise_labels: label rasters of all scenes, and the tiles from which a segmentation network learns."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from orbitile.base.files import cache_key, sha256
from orbitile.features.labels.burn import write_label_raster
from orbitile.features.labels.read import LabelFields, read_labels
from orbitile.pipeline import code_version
from orbitile.space.bodies import Body
from orbitile.tables.rasters import RasterRow, read_rasters
from orbitile.training.segmentation.tiles import TrainingTileCut, cut_tiles

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelRasterisation:
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


def rasterise_labels(
    rasters: Sequence[str],
    labels: Sequence[str],
    rasterisation: LabelRasterisation,
    cut: TrainingTileCut,
    folder: str,
    out: str,
) -> None:
    """Write label rasters of all scenes into `folder`, and the table of tiles (training.segmentation.tiles.SCHEMA).

    `rasters` are the groups' tables of scenes, `labels` vector files. Label rasters that are there are not made again.
    OrbitileError where labels cannot be read, or no tile of a split has features.
    """
    rows = sorted((row for path in rasters for row in read_rasters(path)), key=lambda row: row.scene)
    fields, buffers_px = rasterisation.fields, rasterisation.buffers_px
    vector_labels = read_labels(labels, rasterisation.body, fields)
    version = cache_key(
        labels=[sha256(path) for path in labels], fields=vars(fields), buffers=buffers_px,
        version=code_version("rasterise_labels"),
    )  # fmt: skip
    paths = [_path(row, version, Path(folder)) for row in rows]
    for row, path in zip(rows, paths, strict=True):
        if not path.is_file():
            write_label_raster(row, vector_labels, path, buffers_px)
            log.info("scene %s: labels written to %s", row.scene, path)
    cut_tiles(rows, [str(path) for path in paths], cut, out)


def _path(row: RasterRow, version: str, folder: Path) -> Path:
    return folder / f"{row.scene}-{cache_key(raster=row.path, version=version)}.tif"
