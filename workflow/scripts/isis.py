"""Run the stage isis for one group."""

from orbitile.isis.sequences import SpiceChoice
from orbitile.jobs.job import job
from orbitile.stages.isis import isis
from orbitile.tables.plan import read_scenes
from orbitile.tables.ways import ISIS

if __name__ == "__main__":
    params = snakemake.params
    with job(snakemake.log[0], snakemake.threads, snakemake.config["allow_failures"]) as work:
        scenes = read_scenes(params.plan, snakemake.wildcards.group)
        images = [image | dict(of=scene["scene"]) for scene in scenes for image in scene["strips"]]
        images += [scene for scene in scenes if not scene["strips"]]
        rows = [image | dict(gsd_m=params.gsd_m) for image in images if image["way"] == ISIS]
        isis(rows, SpiceChoice(**params.spice), params.folder, snakemake.output[0], work)
