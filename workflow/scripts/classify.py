"""Run the stage classify for one group."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads, snakemake.config["allow_failures"]) as work:
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.space.bodies import find_body
        from orbitile.stages.classify import ClassifySettings, classify
        from orbitile.tables.rasters import RasterTables

        settings = ClassifySettings.of(find_body(params.body), **params.class_choice)
        tables = RasterTables(files.stitched, files.lenders)
        classify(tables, settings, params.folder, snakemake.output[0], work)
