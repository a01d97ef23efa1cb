"""Run the stage evaluate for the whole run."""

from orbitile.jobs.job import job
from orbitile.space.bodies import body
from orbitile.stages.evaluate import Yardstick, evaluate

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        yardstick = Yardstick(**params.yardstick, radius_m=body(params.body).radius_m)
        evaluate(files.found, files.truth, files.rasters, yardstick, **snakemake.output)
