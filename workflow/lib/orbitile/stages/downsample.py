"""downsample: the coarser scales of every scene of a group."""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from orbitile.base.files import cache_key
from orbitile.base.seals import find_damage
from orbitile.jobs.pieces import JobWork, Piece
from orbitile.pipeline import code_version
from orbitile.rasters.mosaic import RasterPart, opened_mosaic
from orbitile.rasters.read import band_names, channel_numbers
from orbitile.rasters.resample import averages_by_factor, covered_window, pixel_type
from orbitile.rasters.write import cog_writer
from orbitile.space.grids import bounding_window
from orbitile.tables.rasters import RasterRow, RasterTables, Surroundings, write_rasters

log = logging.getLogger(__name__)


def downsample(tables: RasterTables, scales: dict[float, int], folder: str, out: str, work: JobWork) -> None:
    """Average a group's scenes to coarser scales, in metres per pixel with their factors.

    All missing scales of a scene are made while its pixels are read once. The table written to `out` holds the finest
    scale too, so that later stages need only it.
    """
    surroundings = Surroundings(tables)
    finest = {row.scene: row for row in surroundings.group_rows}
    coarser = [
        DownsampledScene(row, scale_m, factor, surroundings)
        for row in surroundings.group_rows
        for scale_m, factor in scales.items()
        if factor > 1
    ]
    by_path = {scene.path(Path(folder)): scene for scene in coarser}
    pieces = [Piece(scene.fine_row.scene, path, f"{scene.scale_m:g} m/px") for path, scene in by_path.items()]
    written: set[Path] = set()

    def make(piece: Piece) -> None:
        if piece.path not in written:
            of_scene = [path for path, scene in by_path.items() if scene.fine_row.scene == piece.scene]
            missing = [path for path in of_scene if path == piece.path or find_damage(path)]
            write_scales({path: by_path[path] for path in missing})
            written.update(missing)

    complete_pieces = work.make_pieces(pieces, make, unit="rasters")
    failed = {failure.scene for failure in work.failures}
    rows = [row for scene, row in finest.items() if scene not in failed]
    rows += [by_path[piece.path].row(piece.path) for piece in complete_pieces if piece.scene not in failed]
    write_rasters(sorted(rows, key=lambda row: (row.scene, row.scale_m)), out, work.table_metadata)


@dataclass(frozen=True)
class DownsampledScene:
    """A scene to be averaged to a coarser scale, `factor` times its own."""

    fine_row: RasterRow
    scale_m: float
    factor: int
    surroundings: Surroundings

    @property
    def parts(self) -> list[RasterPart]:
        """The scene's raster, and those of its neighbours that share coarse pixels with it."""
        return self.surroundings.parts(self.fine_row, covered_window(self.fine_row.grid, self.factor))

    def path(self, folder: Path) -> Path:
        """The path of its raster, with a name made of all that it depends on."""
        parts = [asdict(part) for part in self.parts]
        key = cache_key(parts=parts, factor=self.factor, version=code_version("downsample"))
        return folder / self.fine_row.scene / f"{self.scale_m:g}m-{key}.tif"

    def row(self, path: Path) -> RasterRow:
        """Its row of the table of rasters; which strip a pixel comes from is only known at the finest scale."""
        grid = self.fine_row.grid.coarser(self.factor)
        return replace(
            self.fine_row, scale_m=self.scale_m, path=str(path), sources=None, transform=list(grid.transform)[:6],
            width=grid.width, height=grid.height,
        )  # fmt: skip


def write_scales(scales: Mapping[Path, DownsampledScene]) -> None:
    """Write rasters of one scene at several scales: all bands of the scene, under their names."""
    fine_row, surroundings = next((scene.fine_row, scene.surroundings) for scene in scales.values())
    covered = bounding_window(covered_window(fine_row.grid, scene.factor) for scene in scales.values())
    channels = channel_numbers(fine_row.bands)
    with opened_mosaic(surroundings.parts(fine_row, covered)) as mosaic, ExitStack() as files:
        kind = pixel_type(mosaic.first, channels, band_names(mosaic.first))
        writers = {
            scene.factor: files.enter_context(cog_writer(path, scene.row(path).grid, kind))
            for path, scene in scales.items()
        }
        for factor, block in averages_by_factor(mosaic, fine_row.grid, list(writers), channels):
            writers[factor](block)
    for path, scene in scales.items():
        row = scene.row(path)
        log.info("scene %s: %d x %d px at %.2f m/px", row.scene, row.width, row.height, row.grid.gsd_m)
