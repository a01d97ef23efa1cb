"""Run the stage infer for one group."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads, snakemake.config["allow_failures"]) as work:
        # Imported here, so that a job that runs out of memory on the way is on record.
        from orbitile.inference.models.network import ModelChoice
        from orbitile.inference.tile_rows import InferenceSettings
        from orbitile.stages.infer import infer
        from orbitile.tables.rasters import RasterTables

        choice = ModelChoice(**params.model_choice)
        settings = InferenceSettings(choice, params.tile_px, snakemake.threads, params.enlarged)
        tables = RasterTables(files.rasters, files.lenders)
        infer(files.tiles, tables, settings, params.folder, snakemake.output[0], work)
