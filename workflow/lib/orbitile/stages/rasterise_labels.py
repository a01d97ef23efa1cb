"""rasterise_labels: label rasters of all scenes, and the tiles from which a segmentation network learns."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from orbitile.base.files import cache_key, sha256
from orbitile.base.seals import find_damage, write_seal
from orbitile.base.versions import FileVersions
from orbitile.features.labels.burn import write_label_raster
from orbitile.features.labels.read import LabelFields, read_labels
from orbitile.pipeline import code_version
from orbitile.space.bodies import Body
from orbitile.tables.rasters import RasterRow, read_sealed_rasters
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
        cls,
        body: Body,
        classes: Sequence[str],
        width_field: str,
        class_field: str | None,
        buffers_px: dict[str, float],
        unmapped_scenes: int = 0,
    ) -> Self:
        """From the settings' section `labels`, the names of the classes, and how many scenes have no map."""
        return cls(body, LabelFields(width_field, class_field, tuple(classes), unmapped_scenes), buffers_px)


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
    rows = sorted((row for path in rasters for row in read_sealed_rasters(path)), key=lambda row: row.scene)
    fields, buffers_px = rasterisation.fields, rasterisation.buffers_px
    vector_labels = read_labels(labels, rasterisation.body, fields)
    version = cache_key(
        labels=[sha256(part) for part in _parts(labels)], fields=vars(fields), buffers=buffers_px,
        version=code_version("rasterise_labels"),
    )  # fmt: skip
    paths = [_path(row, version, Path(folder)) for row in rows]
    for row, path in zip(rows, paths, strict=True):
        if find_damage(path):
            write_label_raster(row, vector_labels.of_scene(row.scene), path, buffers_px)
            write_seal(path)
            log.info("scene %s: labels written to %s", row.scene, path)
    cut_tiles(rows, [str(path) for path in paths], cut, out)


def _parts(labels: Sequence[str]) -> list[str]:
    """The files of labels with those that are read together with them, as the table of a Shapefile."""
    return [part for path in labels for part in (path, *FileVersions().companions(path))]


def _path(row: RasterRow, version: str, folder: Path) -> Path:
    return folder / f"{row.scene}-{cache_key(raster=row.path, version=version)}.tif"
