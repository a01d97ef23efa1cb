"""Draw the whole run's catalogue on its scenes."""

from orbitile.jobs.job import job
from orbitile.space.bodies import body
from orbitile.stages.overview import overview

if __name__ == "__main__":
    files = snakemake.input
    with job(snakemake.log[0], snakemake.threads):
        overview(files.craters, files.rasters, body(snakemake.params.body).radius_m, snakemake.output[0])
