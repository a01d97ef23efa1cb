"""Run the stage vectorise for one group."""

from orbitile.jobs.job import job
from orbitile.space.bodies import body
from orbitile.stages.vectorise import Look, vectorise
from orbitile.tables.plan import read_ways

if __name__ == "__main__":
    params = snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        stem = snakemake.output[0].removesuffix(".parquet")
        look = Look(**params.look, ways=read_ways(params.plan))
        vectorise(snakemake.input[0], look, body(params.body), stem)
