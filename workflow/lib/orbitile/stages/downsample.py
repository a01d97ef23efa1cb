"""downsample: the coarser scales of every scene of a group."""

import logging
from pathlib import Path

from orbitile.files import key
from orbitile.rasters.read import opened
from orbitile.rasters.resample import block_averages, pixel_type
from orbitile.rasters.write import write_cog
from orbitile.tables.rasters import RasterRow, read_rasters, write_rasters

log = logging.getLogger(__name__)


def downsample(georeferenced: str, scales: dict[float, int], folder: str, out: str) -> None:
    """Average a group's scenes to coarser scales, in metres per pixel with their factors.

    The table written to `out` holds the finest scale too, so that later stages need only it.
    """
    rows = []
    for row in read_rasters(georeferenced):
        rows.append(row)
        rows += [_coarser(row, scale_m, factor, Path(folder)) for scale_m, factor in scales.items() if factor > 1]
    write_rasters(rows, out)


def _coarser(row: RasterRow, scale_m: float, factor: int, folder: Path) -> RasterRow:
    name = key(source=row.path, factor=factor)
    path = folder / row.scene / f"{scale_m:g}m-{name}.tif"
    grid = row.grid.coarser(factor)
    if not path.is_file():
        with opened(row.path) as source:
            write_cog(path, grid, pixel_type(source), block_averages(source, grid, factor))
        log.info("scene %s: %d x %d px at %.2f m/px", row.scene, grid.width, grid.height, grid.gsd_m)
    return RasterRow(
        row.scene, scale_m, str(path), grid.crs_wkt, list(grid.transform)[:6], grid.width, grid.height,
        row.valid_share, row.low, row.high, row.way,
    )  # fmt: skip
