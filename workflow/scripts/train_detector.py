"""Train the detector."""

from pathlib import Path

from orbitile.jobs.job import job

if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        # Imported here, so that a job that runs out of memory while it imports is on record.
        from orbitile.training.train_detector import DetectorRecipe, train_detector

        folder = str(Path(snakemake.input[0]).parent)
        train_detector(folder, DetectorRecipe(**snakemake.params.detector_recipe), **snakemake.output)
