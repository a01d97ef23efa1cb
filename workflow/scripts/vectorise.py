"""Run the stage vectorise for one group."""

from orbitile.jobs.job import job
from orbitile.space.bodies import body
from orbitile.stages.vectorise import vectorise

if __name__ == "__main__":
    params = snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        stem = snakemake.output[0].removesuffix(".parquet")
        vectorise(snakemake.input[0], params.look["shape"], params.look["vertices"], body(params.body), stem)
