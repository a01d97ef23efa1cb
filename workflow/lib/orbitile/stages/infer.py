"""infer: the network's predictions for every tile of a group."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import rasterio

from orbitile.base.errors import OrbitileError
from orbitile.inference.collector import Collector
from orbitile.inference.engine.batch_size import fitting_batch_size
from orbitile.inference.engine.engine import Engine
from orbitile.inference.engine.meter import Meter
from orbitile.inference.engine.views import ViewFusion
from orbitile.inference.fragments import Fragments
from orbitile.inference.models.load import load_network
from orbitile.inference.outputs import output_kind
from orbitile.inference.progress_log import ProgressLog
from orbitile.inference.tile_rows import InferenceSettings, SceneScale, TileRowTask, read_tile_rows
from orbitile.jobs.pieces import JobProgress, JobWork, Piece
from orbitile.tables.parquet import write_arrow
from orbitile.tables.rasters import RasterTables, Surroundings

STREAMS = 2
"""Passes at once on a GPU."""
CACHE_BYTES = 64 * 2**20
"""GDAL's cache of blocks, which are read once here: less than elsewhere (orbitile.rasters.gdal.CACHE_MB)."""


def infer(tiles: str, tables: RasterTables, settings: InferenceSettings, folder: str, out: str, work: JobWork) -> None:
    """Run the network over a group's tiles, and write their boxes, or the index of their masks, as a table.

    Finished rows of tiles stay in fragments in `folder`; a tile that fails is recorded and tried again in the next
    attempt. OrbitileError where the group's rasters have different numbers of bands, or not as many as the network
    takes.
    """
    rows = list(read_tile_rows(tiles, Surroundings(tables), settings))
    _check_bands(rows)
    fragments = {place: Fragments(Path(folder), *place) for place in dict.fromkeys(row.scene_scale for row in rows)}
    missing = [row.without(fragments[row.scene_scale].searched(row.key)) for row in rows]
    missing = [row for row in missing if row.numbers]
    total, remaining = (sum(len(row.numbers) for row in tile_rows) for tile_rows in (rows, missing))
    work.begin(JobProgress("tiles", len(rows), len(rows) - len(missing), size=total, size_before=total - remaining))
    if missing:
        with work.inside_piece():
            _search(missing, fragments, settings, work)
    keys = {row.key for row in rows}
    paths = [path for scene_fragments in fragments.values() for path in scene_fragments.paths(keys)]
    work.finish([Piece("", path) for path in paths])
    write_arrow(output_kind(settings.model_choice.family).stage_table(fragments, rows), out, work.table_metadata)


def _search(
    rows: Sequence[TileRowTask],
    fragments: Mapping[SceneScale, Fragments],
    settings: InferenceSettings,
    work: JobWork,
) -> None:
    """Run the network over rows of tiles, and write its predictions as fragments."""
    choice = replace(settings.model_choice, bands=rows[0].raster.bands)
    network = load_network(choice)
    workers = settings.threads if network.device.type == "cpu" else STREAMS
    size = choice.batch or fitting_batch_size(network, max(settings.tile_px.values()), workers)
    meter = Meter(workers)
    collector = Collector(rows, fragments, output_kind(choice.family, network.names), work)
    progress = ProgressLog(meter, work)
    try:
        tile_rows = [replace(row.row, number=number) for number, row in enumerate(rows)]
        fusion = ViewFusion.of(choice.test_time, choice.score_threshold)
        engine = Engine(network, size, workers, meter, fusion)
        with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES), closing(engine.search(tile_rows)) as predictions:
            for prediction in predictions:
                with meter.waiting("writing"):
                    collector.add(prediction)
                progress.log_if_due()
                work.check_stop()
    finally:
        collector.write_fragment()
    progress.log_summary()


def _check_bands(rows: Sequence[TileRowTask]) -> None:
    """OrbitileError where rasters have different numbers of bands: one network takes them all."""
    for raster in (row.raster for row in rows):
        first = rows[0].raster
        if raster.bands != first.bands:
            raise OrbitileError(
                f"{raster.path}: the raster of scene {raster.scene} has {raster.bands} bands, that of scene "
                f"{first.scene} has {first.bands}; name as many for all scenes in the scene table's column bands"
            )
