"""Draw the whole run's map on its scenes."""

from orbitile.jobs.job import job
from orbitile.space.bodies import body
from orbitile.stages.chart import chart

if __name__ == "__main__":
    files = snakemake.input
    with job(snakemake.log[0], snakemake.threads):
        chart(files.polygons, files.lines, files.rasters, body(snakemake.params.body).radius_m, snakemake.output[0])
