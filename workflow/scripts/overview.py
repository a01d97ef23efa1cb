"""Draw the run's catalogue on its scenes."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.space.bodies import find_body
        from orbitile.stages.overview import overview

        radius_m = find_body(params.body).radius_m
        overview(files.catalogue, files.rasters, radius_m, snakemake.output[0], params.unmapped_scenes)
