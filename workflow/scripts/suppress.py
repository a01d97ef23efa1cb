"""Run the stage suppress for one group."""

from orbitile.jobs.job import job
from orbitile.space.bodies import body
from orbitile.stages.suppress import Rules, suppress

if __name__ == "__main__":
    params = snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        rules = Rules(**params.rules, radius_m=body(params.body).radius_m)
        suppress(snakemake.wildcards.group, params.plan, rules, snakemake.output[0])
