"""Run the stage isis for one group."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    params = snakemake.params
    with job(snakemake.log[0], snakemake.threads, snakemake.config["allow_failures"]) as work:
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.georeferencing.isis.sequences import SpiceChoice
        from orbitile.stages.isis import project_with_isis
        from orbitile.tables.plan import read_scenes

        scenes = read_scenes(params.plan, snakemake.wildcards.group)
        spice = SpiceChoice(**params.spice_choice)
        project_with_isis(scenes, params.gsd_m, spice, params.folder, snakemake.output[0], work)
