"""Run the stage review for the whole run."""

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads), unchanged_user_files(params.user_files):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.features.shapes.detection_shapes import VectorStyle
        from orbitile.stages.review import ReviewChoice, ReviewFiles, ReviewInputs, write_review

        inputs = ReviewInputs(files.catalogue, files.judgements, files.searched or None)
        choice, style = ReviewChoice(**params.review_choice), VectorStyle(**params.vectors)
        write_review(inputs, choice, style, ReviewFiles(**snakemake.output))
