"""Run the stage downsample for one group."""

from orbitile.jobs.job import job
from orbitile.stages.downsample import downsample

if __name__ == "__main__":
    params = snakemake.params
    with job(snakemake.log[0], snakemake.threads, snakemake.config["allow_failures"]) as work:
        downsample(snakemake.input[0], params.scales, params.folder, snakemake.output[0], work)
