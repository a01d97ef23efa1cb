"""Run the stage count for the whole run."""

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads), unchanged_user_files(params.user_files):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.calibration.row_confidence import RowConfidence
        from orbitile.counting.searched_ground import DiameterRange
        from orbitile.space.bodies import find_body
        from orbitile.stages.count import CountInputs, count

        ranges = {scale_m: DiameterRange(*sizes) for scale_m, sizes in params.counted_sizes.items()}
        confidence = RowConfidence.read(**params.row_confidence) if params.row_confidence else None
        count(
            CountInputs(files.catalogue, files.rasters, params.enlarged), params.counting,
            ranges, find_body(params.body), confidence, params.score_choice["score_threshold"], snakemake.output[0],
        )  # fmt: skip
