"""Train the segmentation network."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        # Imported here, so that a job that runs out of memory while it imports is on record.
        from orbitile.training.segmentation.recipe import SegmenterRecipe
        from orbitile.training.segmentation.train import train_segmenter

        train_segmenter(snakemake.input[0], SegmenterRecipe(**snakemake.params.segmenter_recipe), **snakemake.output)
