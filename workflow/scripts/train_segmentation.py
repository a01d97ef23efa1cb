"""Run the stage train_segmentation."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        # Imported here, so that a job that runs out of memory on the way is on record.
        from orbitile.training.segmentation.train import SegmentationRecipe, train

        train(snakemake.input[0], SegmentationRecipe(**snakemake.params.recipe), **snakemake.output)
