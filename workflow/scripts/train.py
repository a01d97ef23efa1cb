"""Run the stage train."""

from pathlib import Path

from orbitile.jobs.job import job

if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        # Imported here, so that a job that runs out of memory on the way is on record.
        from orbitile.training.train import Recipe, train

        folder = str(Path(snakemake.input[0]).parent)
        train(folder, Recipe(**snakemake.params.recipe), **snakemake.output)
