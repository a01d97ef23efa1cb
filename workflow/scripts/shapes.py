"""Run the stage shapes for the whole run."""

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads), unchanged_user_files(params.user_files):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.stages.shapes import ShapeFiles, shapes

        shapes(files.catalogue, files.elevation, params.limits, ShapeFiles(*snakemake.output))
