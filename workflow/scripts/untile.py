"""Run the stage untile for one group."""

from orbitile.jobs.job import job
from orbitile.space.bodies import body
from orbitile.stages.untile import untile
from orbitile.tiling import Responsibility

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        duties = {scale_m: Responsibility(**duty) for scale_m, duty in params.duties.items()}
        untile(files.raw, files.tiles, files.rasters, duties, body(params.body).radius_m, snakemake.output[0])
