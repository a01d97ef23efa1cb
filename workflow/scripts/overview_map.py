"""Draw the run's map on its scenes."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.space.bodies import find_body
        from orbitile.stages.overview_map import overview_map

        radius_m = find_body(params.body).radius_m
        overview_map(files.manifest, files.rasters, radius_m, snakemake.output[0], params.unmapped_scenes)
