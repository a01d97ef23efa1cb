"""Run the stage catalogue for the whole run."""

from orbitile.jobs.exclusions import left_out
from orbitile.jobs.job import job
from orbitile.space.bodies import body
from orbitile.stages.catalogue import catalogue
from orbitile.stages.suppress import Rules
from orbitile.stages.vectorise import Look
from orbitile.tables.plan import read_ways

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        where = body(params.body)
        groups = dict(suppressed=files.suppressed, detections=files.detections)
        rules = Rules(**params.rules, radius_m=where.radius_m)
        origin = params.origin | dict(exclusions=left_out(params.plan, params.allow_failures))
        stem = snakemake.output[0].removesuffix(".parquet")
        look = Look(**params.look, ways=read_ways(params.plan))
        catalogue(groups, rules, where, look, origin, stem)
