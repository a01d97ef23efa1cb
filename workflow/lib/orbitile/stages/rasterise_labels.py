"""rasterise_labels: label rasters of all scenes, and the tiles from which a segmentation network learns."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from orbitile.base.errors import OrbitileError
from orbitile.base.files import cache_key, sha256
from orbitile.base.messages import shorten_names
from orbitile.base.seals import find_damage, write_seal
from orbitile.base.versions import FileVersions
from orbitile.features.labels.burn import count_burnt_points, write_label_raster
from orbitile.features.labels.masks import MaskFolder
from orbitile.features.labels.read import LabelFields, VectorLabels, read_labels, read_point_labels
from orbitile.pipeline import code_version
from orbitile.space.bodies import Body
from orbitile.space.grids import Grid
from orbitile.tables.rasters import RasterRow, read_sealed_rasters
from orbitile.tables.scenes import SceneOrigin, read_scene_origins
from orbitile.training.scene_deal import SceneDeal
from orbitile.training.segmentation.tiles import TrainingTileCut, cut_tiles

log = logging.getLogger(__name__)

MOST_POINT_CLASSES = 253
"""Numbers of uint8 but for no data, no point and background."""


@dataclass(frozen=True)
class LabelRasterisation:
    """How vector files become labels: their columns, and half the widths in pixels of lines of a width class.

    Pixels within `uncertain_px` beyond labels teach nothing.
    """

    body: Body
    fields: LabelFields
    buffers_px: Mapping[str, float]
    uncertain_px: float = 0

    @classmethod
    def of(
        cls,
        body: Body,
        classes: Sequence[str],
        width_field: str,
        class_field: str | None,
        buffers_px: dict[str, float],
        uncertain_px: float = 0,
        unmapped_scenes: int = 0,
    ) -> Self:
        """From the settings' sections `labels` and `segmentation_training`, and how many scenes have no map."""
        fields = LabelFields(width_field, class_field, tuple(classes), unmapped_scenes)
        return cls(body, fields, buffers_px, uncertain_px)


class LabelSource(Protocol):
    """Where the labels of scenes come from."""

    def scenes(self, scenes: Sequence[str]) -> list[str]:
        """Those of a run's scenes that have labels; OrbitileError where none has."""

    def key(self, scene: str) -> str:
        """What changes with the labels of a scene."""

    def write_raster(self, row: RasterRow, finest: Grid, path: Path, points: VectorLabels | None) -> None:
        """Write the label raster of a scene, whose finest grid is `finest`, with points known beside its labels."""

    @property
    def may_be_empty(self) -> bool:
        """Whether a scene may hold no feature."""


@dataclass(frozen=True)
class VectorSource:
    """Lines and polygons of vector files, which may lie on any scene."""

    labels: VectorLabels
    rasterisation: LabelRasterisation
    version: str
    may_be_empty: bool = False

    @classmethod
    def read(cls, paths: Sequence[str], rasterisation: LabelRasterisation) -> Self:
        """OrbitileError where labels cannot be read."""
        version = cache_key(
            labels=[sha256(part) for part in _parts(paths)], fields=vars(rasterisation.fields),
            buffers=rasterisation.buffers_px, uncertain=rasterisation.uncertain_px,
            version=code_version("rasterise_labels"),
        )  # fmt: skip
        return cls(read_labels(paths, rasterisation.body, rasterisation.fields), rasterisation, version)

    def scenes(self, scenes: Sequence[str]) -> list[str]:
        """See LabelSource."""
        return list(scenes)

    def key(self, scene: str) -> str:
        """See LabelSource."""
        return self.version

    def write_raster(self, row: RasterRow, finest: Grid, path: Path, points: VectorLabels | None) -> None:
        """See LabelSource."""
        widths = self.rasterisation.buffers_px, self.rasterisation.uncertain_px
        write_label_raster(row, self.labels.of_scene(row.scene), path, *widths, points)


@dataclass(frozen=True)
class MaskSource:
    """A folder of masks."""

    masks: MaskFolder
    may_be_empty: bool = True

    def scenes(self, scenes: Sequence[str]) -> list[str]:
        """See LabelSource; the log names those without a mask, and masks without a scene."""
        self.masks.check_scenes(list(scenes))
        without = sorted(set(scenes) - set(self.masks.by_scene))
        if without:
            log.warning("%d scenes have no mask in %s and are not for training: %s", len(without), self.masks.folder,
                        shorten_names(without))  # fmt: skip
        if orphans := sorted(set(self.masks.by_scene) - set(scenes)):
            log.warning("%d masks in %s are of no scene of this run: %s", len(orphans), self.masks.folder,
                        shorten_names(orphans))  # fmt: skip
        return [scene for scene in scenes if scene in self.masks.by_scene]

    def key(self, scene: str) -> str:
        """See LabelSource."""
        mask = sha256(self.masks.by_scene[scene])
        return cache_key(mask=mask, values=self.masks.class_of_value, version=code_version("rasterise_labels"))

    def write_raster(self, row: RasterRow, finest: Grid, path: Path, points: VectorLabels | None) -> None:
        """See LabelSource."""
        self.masks.write_raster(row, finest, path, points)


def label_source(
    labels: Sequence[str], body: Body, rasterisation: Mapping | None, masks: Mapping | None, unmapped_scenes: int
) -> LabelSource:
    """Vector files, or masks, as the settings have it (`label_rasterisation` or `mask_files`)."""
    if rasterisation is None:
        assert masks is not None  # the settings have either
        return MaskSource(MaskFolder(Path(masks["folder"]), tuple(masks["classes"]), masks["values"]))
    chosen = LabelRasterisation.of(body, **rasterisation, unmapped_scenes=unmapped_scenes)
    return VectorSource.read(labels, chosen)


@dataclass(frozen=True)
class PointSource:
    """Labels that are known at single places, beside all others; their files, and what changes with them."""

    labels: VectorLabels
    files: tuple[str, ...]
    version: str

    @classmethod
    def read(
        cls, files: Sequence[str], body: Body, rasterisation: Mapping | None, unmapped_scenes: int = 0
    ) -> Self | None:
        """By the settings' `point_rasterisation`; None where there are none.

        OrbitileError where points cannot be read, or there are too many classes for them.
        """
        if rasterisation is None:
            return None
        classes = tuple(rasterisation["classes"])
        if len(classes) > MOST_POINT_CLASSES:
            raise OrbitileError(f"segmentation_training.points: {len(classes)} classes; with points allowed are at "
                                f"most {MOST_POINT_CLASSES}")  # fmt: skip
        columns = rasterisation["width_field"], rasterisation["class_field"]
        labels = read_point_labels(files, body, LabelFields(*columns, classes, unmapped_scenes),
                                   rasterisation["radius_px"])  # fmt: skip
        return cls(labels, tuple(files), cache_key(points=[sha256(part) for part in _parts(files)], by=rasterisation))


@dataclass(frozen=True)
class SceneTable:
    """The scene table, how its scenes are dealt out to the splits, and whether they have a map."""

    path: str
    deal: SceneDeal
    is_mapped: bool

    def participants(self, scenes: Sequence[str]) -> dict[str, SceneOrigin]:
        """Place and split of those scenes that take part; see SceneDeal."""
        origins = read_scene_origins(Path(self.path))
        return self.deal.participants({scene: origins.get(scene, SceneOrigin()) for scene in scenes})


def rasterise_labels(
    rasters: Sequence[str], source: LabelSource, table: SceneTable, cut: TrainingTileCut, folder: str, out: str,
    points: PointSource | None = None,
) -> None:  # fmt: skip
    """Write label rasters of all scenes into `folder`, and the table of tiles (training.segmentation.tiles.SCHEMA).

    `rasters` are the groups' tables of scenes. Label rasters that are there are not made again. OrbitileError where
    labels do not fit their scenes, no point lies in a scene, or no tile of a split has features.
    """
    rows = sorted((row for path in rasters for row in read_sealed_rasters(path)), key=lambda row: row.scene)
    labelled = set(source.scenes([row.scene for row in rows]))
    rows = [row for row in rows if row.scene in labelled]
    origins = table.participants([row.scene for row in rows])
    rows = [row for row in rows if row.scene in origins]
    splits = table.deal.split_by_scene(origins, table.is_mapped)
    finest = {row.scene: row.grid for row in sorted(rows, key=lambda row: -row.scale_m)}
    paths = [_path(row, _key(source, points, row.scene), Path(folder)) for row in rows]
    for row, path in zip(rows, paths, strict=True):
        if find_damage(path):
            scene_points = points.labels.of_scene(row.scene) if points else None
            source.write_raster(row, finest[row.scene], path, scene_points)
            write_seal(path)
            log.info("scene %s: labels written to %s", row.scene, path)
    if points:
        _check_burnt(rows, paths, points)
    cut_tiles(rows, [str(path) for path in paths], cut, out, splits, source.may_be_empty)


def _key(source: LabelSource, points: PointSource | None, scene: str) -> str:
    """What changes with the label raster of a scene."""
    return cache_key(labels=source.key(scene), points=points.version) if points else source.key(scene)


def _check_burnt(rows: Sequence[RasterRow], paths: Sequence[Path], points: PointSource) -> None:
    """Report how many points lie in each scene; OrbitileError where no scene has any."""
    counts = [
        count_burnt_points(str(path), row, points.labels.of_scene(row.scene))
        for row, path in zip(rows, paths, strict=True)
    ]
    for row, count in zip(rows, counts, strict=True):
        log.info("scene %s: %d of %d points lie in it", row.scene, count, len(points.labels))
    if not any(counts):
        raise OrbitileError(
            f"{', '.join(points.files)}: none of {len(points.labels)} points lies at a pixel with data of a scene; are "
            "the scenes and the reference system of the points the right ones?"
        )


def _parts(labels: Sequence[str]) -> list[str]:
    """The files of labels with those that are read together with them, as the table of a Shapefile."""
    return [part for path in labels for part in (path, *FileVersions().companions(path))]


def _path(row: RasterRow, version: str, folder: Path) -> Path:
    return folder / f"{row.scene}-{cache_key(raster=row.path, version=version)}.tif"
