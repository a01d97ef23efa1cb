"""downsample: the coarser scales of every scene of a group."""

import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from orbitile.files import key
from orbitile.jobs.pieces import Piece, Work
from orbitile.rasters.mosaic import Part, opened_mosaic
from orbitile.rasters.resample import block_averages, covered, pixel_type
from orbitile.rasters.write import write_cog
from orbitile.tables.rasters import RasterRow, RasterTables, Surroundings, write_rasters

log = logging.getLogger(__name__)


def downsample(tables: RasterTables, scales: dict[float, int], folder: str, out: str, work: Work) -> None:
    """Average a group's scenes to coarser scales, in metres per pixel with their factors.

    The table written to `out` holds the finest scale too, so that later stages need only it.
    """
    around = Surroundings(tables)
    finest = {row.scene: row for row in around.own}
    coarser = [
        Coarser(row, scale_m, factor, around) for row in around.own for scale_m, factor in scales.items() if factor > 1
    ]
    wanted = {one.path(Path(folder)): one for one in coarser}
    pieces = [Piece(one.fine.scene, path, f"{one.scale_m:g} m/px") for path, one in wanted.items()]
    whole = work.each(pieces, lambda piece: _average(wanted[piece.path], piece.path), unit="rasters")
    lost = {failure.scene for failure in work.failures}
    rows = [row for scene, row in finest.items() if scene not in lost]
    rows += [wanted[piece.path].row(piece.path) for piece in whole if piece.scene not in lost]
    write_rasters(sorted(rows, key=lambda row: (row.scene, row.scale_m)), out, work.account)


@dataclass(frozen=True)
class Coarser:
    """A scene to be averaged to a coarser scale, `factor` times its own."""

    fine: RasterRow
    scale_m: float
    factor: int
    around: Surroundings

    @property
    def parts(self) -> list[Part]:
        """The scene's raster, and those of its neighbours that share coarse pixels with it."""
        return self.around.parts(self.fine, covered(self.fine.grid, self.factor))

    def path(self, folder: Path) -> Path:
        """Where it belongs, under a name made of all that it depends on."""
        parts = [asdict(part) for part in self.parts]
        return folder / self.fine.scene / f"{self.scale_m:g}m-{key(parts=parts, factor=self.factor, version=2)}.tif"

    def row(self, path: Path) -> RasterRow:
        """Its row of the table of rasters; which strip a pixel comes from is only known at the finest scale."""
        grid = self.fine.grid.coarser(self.factor)
        place = dict(transform=list(grid.transform)[:6], width=grid.width, height=grid.height)
        return replace(self.fine, scale_m=self.scale_m, path=str(path), sources=None, **place)


def _average(wanted: Coarser, path: Path) -> None:
    row = wanted.row(path)
    with opened_mosaic(wanted.parts) as mosaic:
        blocks = block_averages(mosaic, wanted.fine.grid, wanted.factor)
        write_cog(path, row.grid, pixel_type(mosaic.first), blocks)
    log.info("scene %s: %d x %d px at %.2f m/px", row.scene, row.width, row.height, row.grid.gsd_m)
