"""density: how many craters there are per area, in the cells of an equal-area raster and by a kernel on the sphere."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from orbitile import catalogue
from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_json
from orbitile.base.provenance import provenance
from orbitile.catalogue import Catalogue
from orbitile.counting.density_kernel import KernelDensity, SphereKernel
from orbitile.counting.density_map import CellCounts
from orbitile.counting.diameter_series import SeriesCounts
from orbitile.counting.footprint_layer import SearchedLayer, read_searched_layer
from orbitile.pictures.density_maps import DensityPanel, draw_density_maps
from orbitile.rasters.write import PixelType, write_cog
from orbitile.space.grids import Window
from orbitile.tables.parquet import write_arrow

log = logging.getLogger(__name__)

PER_KM2 = 1e6
"""Densities are craters per so many km2."""
CRATERS_PER_CELL, CELLS_PER_BANDWIDTH = 10, 1.5
"""By which cells are as large, and the kernel as wide, as they are, where no size is named."""
NODATA = -1.0
ROUND_MANTISSAS = np.array([1, 1.5, 2, 3, 4, 5, 7.5, 10])


@dataclass(frozen=True)
class DensityChoice:
    """What is mapped: diameters, side of cells and bandwidth in km, each None where the catalogue decides.

    Cells of which a smaller share than `least_searched` was searched are left empty.
    """

    diameters_km: tuple[float, ...] | None = None
    cell_km: float | None = None
    bandwidth_km: float | None = None
    least_searched: float = 0.25


class DensityOutputs(NamedTuple):
    """Paths of what is made: figures (JSON), rasters of cells and of the kernel, table of cells, picture."""

    figures: str
    cells: str
    kernel: str
    table: str
    picture: str


class SearchLimits(NamedTuple):
    """The smallest diameter that the finest scale reports, and its pixels, in km."""

    diameter_km: float
    pixel_km: float


def density(
    manifest: str, completeness: str, choice: DensityChoice, limits: SearchLimits, outputs: DensityOutputs
) -> None:
    """Map the craters of a catalogue (its manifest) on the ground that `completeness` names; figures come last.

    The catalogue is read batch by batch, twice; craters whose centre lies beside that ground are left out.
    OrbitileError for a catalogue without craters, and for choices that do not suit it.
    """
    craters, layer = catalogue.open(manifest), read_searched_layer(completeness)
    sizes = SeriesCounts.of(batch["diameter_km"].to_numpy() for batch in craters.batches(["diameter_km"]))
    if not sizes.craters:
        raise OrbitileError(f"{manifest}: holds no craters, so there is no density of them")
    least_km = max(limits.diameter_km, layer.complete_90_km or 0)
    diameters = tuple(sorted(choice.diameters_km or sizes.chosen(least_km) or sizes.chosen(limits.diameter_km)))
    sizes.check(diameters, limits.diameter_km, "density.diameters_km")
    cells, kernel, kernel_counts = _count(craters, layer, diameters, choice, limits)
    searched = cells.is_searched(choice.least_searched)
    if not searched.any():
        raise OrbitileError(f"density.least_searched: no cell of {_side_km(cells):.3g} km was searched to "
                            f"{choice.least_searched:.0%}; choose less, or smaller density.cell_km")  # fmt: skip
    x, y = cells.middles
    smooth = kernel.densities(kernel_counts, layer.ground.vectors(x[searched], y[searched]))
    _write_rasters(cells, smooth, searched, outputs)
    _write_table(cells, smooth, searched, outputs.table)
    draw_density_maps(_panels(cells, smooth, searched, kernel.bandwidth_km), _edges_deg(cells), outputs.picture)
    write_json(outputs.figures, _figures(cells, kernel.bandwidth_km, searched, layer) | provenance())
    log.info("%d cells of %.4g km, %.6g km2 searched", searched.sum(), _side_km(cells), layer.ground.area_km2)


def _count(
    craters: Catalogue, layer: SearchedLayer, diameters: tuple[float, ...], choice: DensityChoice, limits: SearchLimits
) -> tuple[CellCounts, SphereKernel, np.ndarray]:
    """The counts in the cells, the kernel, and the counts (diameters, cells) that it sums up."""
    ground = layer.ground
    cell_km = choice.cell_km or _usual_cell_km(ground.area_km2, _rows_from(craters, diameters[0]), limits)
    if cell_km < limits.pixel_km:
        raise OrbitileError(f"density.cell_km: cells of {cell_km:g} km are smaller than a pixel of the finest scale, "
                            f"{limits.pixel_km:g} km; choose larger cells")  # fmt: skip
    kernel = SphereKernel.of(ground, choice.bandwidth_km or CELLS_PER_BANDWIDTH * cell_km, "density.bandwidth_km")
    cells = CellCounts.of(ground, layer.body, cell_km, diameters)
    kernel_counts = np.zeros((len(diameters), len(kernel.cells)), np.int64)
    for lon, lat, diameter_km in _batches(craters, diameters[0]):
        places = ground.place(lon, lat)
        is_searched = ground.contains(*places)
        cells.outside[0] += int((~is_searched).sum())
        x, y, diameter_km = (values[is_searched] for values in (*places, diameter_km))
        cells.add(x, y, diameter_km)
        for counts, diameter in zip(kernel_counts, diameters, strict=True):
            counts += kernel.counts(x[diameter_km >= diameter], y[diameter_km >= diameter])
    if cells.outside[0]:
        log.info("%d craters lie beside the searched ground and are left out", cells.outside[0])
    return cells, kernel, kernel_counts


def _rows_from(craters: Catalogue, diameter_km: float) -> int:
    return len(craters.select(diameter_km=(diameter_km, None)))


def _batches(craters: Catalogue, diameter_km: float) -> Iterator[list[np.ndarray]]:
    """Longitudes, latitudes, diameters of the craters of a diameter and more."""
    columns = ["lon", "lat", "diameter_km"]
    for batch in craters.select(diameter_km=(diameter_km, None)).batches(columns):
        yield [batch[name].to_numpy() for name in columns]


def _usual_cell_km(area_km2: float, craters: int, limits: SearchLimits) -> float:
    """The side of cells that hold CRATERS_PER_CELL craters on average, or the ground in four cells; a round number."""
    side = min(np.sqrt(area_km2 * CRATERS_PER_CELL / max(craters, 1)), np.sqrt(area_km2) / 2)
    side = max(side, limits.pixel_km)
    power = 10.0 ** np.floor(np.log10(side))
    return float(power * ROUND_MANTISSAS[np.searchsorted(ROUND_MANTISSAS, side / power * (1 - 1e-9))])


def _side_km(cells: CellCounts) -> float:
    return float(np.sqrt(cells.cell_km2))


def _write_rasters(cells: CellCounts, smooth: KernelDensity, searched: np.ndarray, outputs: DensityOutputs) -> None:
    names = [f"{what} {diameter:g} km" for diameter in cells.diameters_km for what in ("density from", "error from")]
    counted = np.stack([cells.density, cells.error], axis=1).reshape(-1, *searched.shape) * PER_KM2
    _write(cells, [*names, "searched km2"], [*counted, cells.searched_km2], searched, outputs.cells)
    estimated = np.full((len(names) + 1, *searched.shape), np.nan)
    both = np.stack([smooth.density, smooth.error], axis=1).reshape(len(names), -1) * PER_KM2
    estimated[:, searched] = np.concatenate([both, smooth.share[None]])
    _write(cells, [*names, "share of the kernel on searched ground"], list(estimated), searched, outputs.kernel)


def _write(cells: CellCounts, names: list[str], bands: list[np.ndarray], searched: np.ndarray, path: str) -> None:
    pixels = np.stack(bands).astype(np.float32)
    valid = searched & np.isfinite(pixels).all(axis=0)
    window = cells.grid.window
    tags = dict(unit=f"craters per {PER_KM2:g} km2 of searched ground; errors are one standard deviation")
    pixel_type = PixelType("float32", NODATA, "NEAREST", tuple(names))
    blocks = [(part, pixels[:, rows, columns], valid[rows, columns]) for part in _blocks(window)
              for rows, columns in [part.slices_within(window)]]  # fmt: skip
    write_cog(path, cells.grid, pixel_type, blocks, tags)


def _blocks(window: Window, side: int = 512) -> Iterator[Window]:
    for row in range(0, window.height, side):
        for col in range(0, window.width, side):
            yield Window(col, row, min(side, window.width - col), min(side, window.height - row))


def _write_table(cells: CellCounts, smooth: KernelDensity, searched: np.ndarray, path: str) -> None:
    """A row for each searched cell."""
    x, y = cells.middles
    lon, lat = cells.ground.lonlat(x[searched], y[searched])
    row, col = np.nonzero(searched)
    columns = dict(row=row, col=col, lon=lon, lat=lat, searched_km2=cells.searched_km2[searched])
    for number, diameter in enumerate(cells.diameters_km):
        suffix = f"{diameter:g}km"
        columns |= {
            f"craters_{suffix}": cells.counts[number][searched],
            f"density_{suffix}": cells.density[number][searched] * PER_KM2,
            f"error_{suffix}": cells.error[number][searched] * PER_KM2,
            f"kernel_{suffix}": smooth.density[number] * PER_KM2,
            f"kernel_error_{suffix}": smooth.error[number] * PER_KM2,
        }
    write_arrow(pa.table(columns), path)


def _panels(
    cells: CellCounts, smooth: KernelDensity, searched: np.ndarray, bandwidth_km: float
) -> list[tuple[DensityPanel, DensityPanel]]:
    panels = []
    for number, diameter in enumerate(cells.diameters_km):
        estimated = np.full(searched.shape, np.nan)
        estimated[searched] = smooth.density[number] * PER_KM2
        counted = np.where(searched, cells.density[number] * PER_KM2, np.nan)
        craters = f"{cells.counts[number].sum():,} craters of {diameter:g} km and more"
        panels.append((DensityPanel(f"{craters}, cells of {_side_km(cells):.3g} km", counted),
                       DensityPanel(f"kernel, bandwidth {bandwidth_km:g} km", estimated)))  # fmt: skip
    return panels


def _edges_deg(cells: CellCounts) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes, east of the middle meridian's antipode, and latitudes of the cells' edges."""
    west, south, east, north = cells.ground.bounds
    rows, columns = cells.searched_km2.shape
    lon = np.degrees(np.linspace(west, east, columns + 1)) + cells.ground.middle_deg
    return lon, np.degrees(np.arcsin(np.clip(np.linspace(north, south, rows + 1), -1, 1)))


def _figures(cells: CellCounts, bandwidth_km: float, searched: np.ndarray, layer: SearchedLayer) -> dict:
    area, total = cells.searched_km2.sum(), cells.counts.sum(axis=(1, 2))
    complete_km = layer.complete_90_km
    by_diameter = [
        dict(
            diameter_km=diameter, craters=int(count), density=count / area * PER_KM2,
            error=np.sqrt(count) / area * PER_KM2, most_dense_cell=float(dense * PER_KM2),
            is_complete=None if complete_km is None else bool(diameter >= complete_km),
        )
        for diameter, count, dense in zip(
            cells.diameters_km, total, cells.density[:, searched].max(axis=1), strict=True
        )
    ]  # fmt: skip
    return dict(
        body=layer.body.name, per_km2=PER_KM2, cell_km=_side_km(cells), bandwidth_km=bandwidth_km,
        cells=int(searched.sum()), searched_km2=float(area), craters_outside=cells.outside[0],
        complete_90_km=complete_km, diameters=by_diameter,
    )  # fmt: skip
