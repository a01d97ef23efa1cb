"""downsample: the coarser scales of every scene of a group."""

import logging
from pathlib import Path

from orbitile.files import key
from orbitile.jobs.pieces import Piece, Work
from orbitile.rasters.read import opened
from orbitile.rasters.resample import block_averages, pixel_type
from orbitile.rasters.write import write_cog
from orbitile.tables.rasters import RasterRow, read_rasters, write_rasters

log = logging.getLogger(__name__)


def downsample(georeferenced: str, scales: dict[float, int], folder: str, out: str, work: Work) -> None:
    """Average a group's scenes to coarser scales, in metres per pixel with their factors.

    The table written to `out` holds the finest scale too, so that later stages need only it.
    """
    finest = {row.scene: row for row in read_rasters(georeferenced)}
    coarser = [
        _coarser(row, scale_m, factor, Path(folder))
        for row in finest.values()
        for scale_m, factor in scales.items()
        if factor > 1
    ]
    wanted = {Path(row.path): row for row in coarser}
    pieces = [Piece(row.scene, path, f"{row.scale_m:g} m/px") for path, row in wanted.items()]
    whole = work.each(pieces, lambda piece: _average(finest[piece.scene], wanted[piece.path], scales), unit="rasters")
    lost = {failure.scene for failure in work.failures}
    rows = [row for scene, row in finest.items() if scene not in lost]
    rows += [wanted[piece.path] for piece in whole if piece.scene not in lost]
    write_rasters(sorted(rows, key=lambda row: (row.scene, row.scale_m)), out, work.account)


def _coarser(row: RasterRow, scale_m: float, factor: int, folder: Path) -> RasterRow:
    """The table row of a scene at a coarser scale."""
    path = folder / row.scene / f"{scale_m:g}m-{key(source=row.path, factor=factor)}.tif"
    grid = row.grid.coarser(factor)
    return RasterRow(
        row.scene, scale_m, str(path), grid.crs_wkt, list(grid.transform)[:6], grid.width, grid.height,
        row.valid_share, row.low, row.high, row.way,
    )  # fmt: skip


def _average(fine: RasterRow, wanted: RasterRow, scales: dict[float, int]) -> None:
    with opened(fine.path) as source:
        blocks = block_averages(source, wanted.grid, scales[wanted.scale_m])
        write_cog(Path(wanted.path), wanted.grid, pixel_type(source), blocks)
    log.info("scene %s: %d x %d px at %.2f m/px", wanted.scene, wanted.width, wanted.height, wanted.grid.gsd_m)
