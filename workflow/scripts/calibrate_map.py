"""Run the stage calibrate_map for the whole run."""

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads), unchanged_user_files(params.user_files):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.space.bodies import find_body
        from orbitile.stages.calibrate_map import MapCalibrationOutputs, calibrate_map

        calibrate_map(
            files.stitched, files.truth, find_body(params.body), params.label_fields, params.model["sha256"],
            MapCalibrationOutputs(**snakemake.output), params.unmapped_scenes,
        )  # fmt: skip
