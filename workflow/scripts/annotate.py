"""Draw one scene with its craters."""

from orbitile.jobs.job import job
from orbitile.space.bodies import body
from orbitile.stages.annotate import annotate
from orbitile.stages.evaluate import Yardstick

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        yardstick = Yardstick(**params.yardstick, radius_m=body(params.body).radius_m)
        truth = files.truth or None
        annotate(files.rasters, snakemake.wildcards.scene, files.craters, truth, yardstick, snakemake.output[0])
