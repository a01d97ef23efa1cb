"""Run the stage georeference for one group."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    params = snakemake.params
    with job(snakemake.log[0], snakemake.threads, snakemake.config["allow_failures"]) as work:
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.base.image_cache import ImageCache
        from orbitile.georeferencing.mosaicking.merge import MergeOptions
        from orbitile.georeferencing.project_image import TargetGrid
        from orbitile.space.bodies import find_body
        from orbitile.stages.georeference import GeoreferenceTarget, georeference
        from orbitile.tables.cubes import read_cubes
        from orbitile.tables.plan import read_scenes

        cubes = {name: path for table in snakemake.input for name, path in read_cubes(table).items()}
        target_grid = TargetGrid(find_body(params.body), **params.target_grid, cubes=cubes, threads=snakemake.threads)
        merging = MergeOptions(**params.merge_options)
        target = GeoreferenceTarget(target_grid, **params.stretch, merge_options=merging, in_place=params.in_place)
        scenes = read_scenes(params.plan, snakemake.wildcards.group)
        cache = ImageCache.of(snakemake.config["access"])
        georeference(scenes, target, params.folder, snakemake.output[0], work, cache)
