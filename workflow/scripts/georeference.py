"""Run the stage georeference for one group."""

from orbitile.jobs.job import job
from orbitile.mosaicking.merge import MergeOptions
from orbitile.space.bodies import body
from orbitile.stages.georeference import Target, georeference
from orbitile.tables.cubes import read_cubes
from orbitile.tables.plan import read_scenes
from orbitile.ways.placed import Placing

if __name__ == "__main__":
    params = snakemake.params
    with job(snakemake.log[0], snakemake.threads, snakemake.config["allow_failures"]) as work:
        cubes = {name: path for table in snakemake.input for name, path in read_cubes(table).items()}
        placing = Placing(body(params.body), **params.placing, cubes=cubes, threads=snakemake.threads)
        target = Target(placing, **params.stretch, merging=MergeOptions(**params.merging))
        scenes = read_scenes(params.plan, snakemake.wildcards.group)
        georeference(scenes, target, params.folder, snakemake.output[0], work)
