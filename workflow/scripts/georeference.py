"""Run the stage georeference for one group."""

from orbitile.jobs.job import job
from orbitile.stages.georeference import Target, georeference
from orbitile.tables.plan import read_scenes

if __name__ == "__main__":
    params = snakemake.params
    with job(snakemake.log[0], snakemake.threads, snakemake.config["allow_failures"]) as work:
        target = Target(params.crs, params.gsd_m, params.stretch_percentiles, params.stretch_values)
        scenes = read_scenes(params.plan, snakemake.wildcards.group)
        georeference(scenes, target, params.folder, snakemake.output[0], work)
