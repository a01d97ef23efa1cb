"""rasterise_labels: label rasters of all scenes, and the tiles from which a segmentation network learns."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from orbitile.base.errors import OrbitileError
from orbitile.base.files import cache_key, sha256
from orbitile.base.seals import find_damage, write_seal
from orbitile.base.versions import FileVersions
from orbitile.features.labels.burn import count_burnt_points, write_label_raster
from orbitile.features.labels.read import LabelFields, VectorLabels, read_labels, read_point_labels
from orbitile.pipeline import code_version
from orbitile.space.bodies import Body
from orbitile.tables.rasters import RasterRow, read_sealed_rasters
from orbitile.training.segmentation.tiles import TrainingTileCut, cut_tiles

log = logging.getLogger(__name__)

MOST_POINT_CLASSES = 253
"""Numbers of uint8 but for no data, no point and background."""


@dataclass(frozen=True)
class LabelRasterisation:
    """How vector files become labels: their columns, and half the widths in pixels of lines of a width class.

    Points become discs of `point_radius_px`; OrbitileError where there are too many classes for them.
    """

    body: Body
    fields: LabelFields
    buffers_px: Mapping[str, float]
    point_radius_px: float = 0.0

    def __post_init__(self) -> None:
        if self.point_radius_px and len(self.fields.classes) > MOST_POINT_CLASSES:
            raise OrbitileError(
                f"segmentation_training.points: {len(self.fields.classes)} classes; with points allowed are at most "
                f"{MOST_POINT_CLASSES}"
            )

    @classmethod
    def of(
        cls,
        body: Body,
        classes: Sequence[str],
        width_field: str,
        class_field: str | None,
        buffers_px: dict[str, float],
        unmapped_scenes: int = 0,
        point_radius_px: float = 0.0,
    ) -> Self:
        """From the settings' section `labels`, the names of the classes, and how many scenes have no map."""
        fields = LabelFields(width_field, class_field, tuple(classes), unmapped_scenes)
        return cls(body, fields, buffers_px, point_radius_px)


def rasterise_labels(
    rasters: Sequence[str],
    labels: Sequence[str],
    rasterisation: LabelRasterisation,
    cut: TrainingTileCut,
    folder: str,
    out: str,
    points: Sequence[str] = (),
) -> None:
    """Write label rasters of all scenes into `folder`, and the table of tiles (training.segmentation.tiles.SCHEMA).

    `rasters` are the groups' tables of scenes, `labels` and `points` vector files. Label rasters that are there are not
    made again. OrbitileError where labels cannot be read, no point lies in a scene, or no tile of a split has features.
    """
    rows = sorted((row for path in rasters for row in read_sealed_rasters(path)), key=lambda row: row.scene)
    fields, buffers_px = rasterisation.fields, rasterisation.buffers_px
    vector_labels = read_labels(labels, rasterisation.body, fields)
    vector_points = _read_points(points, rasterisation)
    with_points = dict(points=[sha256(part) for part in _parts(points)], radius=rasterisation.point_radius_px)
    version = cache_key(
        labels=[sha256(part) for part in _parts(labels)], fields=vars(fields), buffers=buffers_px,
        version=code_version("rasterise_labels"), **(with_points if points else {}),
    )  # fmt: skip
    paths = [_path(row, version, Path(folder)) for row in rows]
    for row, path in zip(rows, paths, strict=True):
        if find_damage(path):
            scene_points = vector_points and vector_points.of_scene(row.scene)
            write_label_raster(row, vector_labels.of_scene(row.scene), path, buffers_px, scene_points)
            write_seal(path)
            log.info("scene %s: labels written to %s", row.scene, path)
    if vector_points:
        _check_burnt(rows, paths, vector_points, points)
    cut_tiles(rows, [str(path) for path in paths], cut, out)


def _read_points(points: Sequence[str], rasterisation: LabelRasterisation) -> VectorLabels | None:
    if not points:
        return None
    return read_point_labels(points, rasterisation.body, rasterisation.fields, rasterisation.point_radius_px)


def _check_burnt(rows: Sequence[RasterRow], paths: Sequence[Path], points: VectorLabels, files: Sequence[str]) -> None:
    """Report how many points lie in each scene; OrbitileError where no scene has any."""
    counts = [
        count_burnt_points(str(path), row, points.of_scene(row.scene)) for row, path in zip(rows, paths, strict=True)
    ]
    for row, count in zip(rows, counts, strict=True):
        log.info("scene %s: %d of %d points lie in it", row.scene, count, len(points))
    if not any(counts):
        raise OrbitileError(
            f"{', '.join(files)}: none of {len(points)} points lies at a pixel with data of a scene; are the scenes "
            "and the reference system of the points the right ones?"
        )


def _parts(labels: Sequence[str]) -> list[str]:
    """The files of labels with those that are read together with them, as the table of a Shapefile."""
    return [part for path in labels for part in (path, *FileVersions().companions(path))]


def _path(row: RasterRow, version: str, folder: Path) -> Path:
    return folder / f"{row.scene}-{cache_key(raster=row.path, version=version)}.tif"
