"""Run the stage outline for one group."""

from orbitile.jobs.job import job
from orbitile.stages.outline import OutlineSettings, outline_masks
from orbitile.tables.rasters import RasterTables

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads, snakemake.config["allow_failures"]) as work:
        tables = RasterTables(files.stitched, files.lenders)
        outline_masks(tables, OutlineSettings.of(**params.outline_settings), params.folder, snakemake.output[0], work)
