"""Run the stage outline for one group."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads, snakemake.config["allow_failures"]) as work:
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.stages.outline import MaskTables, OutlineSettings, outline_masks
        from orbitile.tables.rasters import RasterTables

        tables = MaskTables(RasterTables(files.stitched, files.lenders), files.classified)
        outline_masks(tables, OutlineSettings.of(**params.outline_settings), params.folder, snakemake.output[0], work)
