"""Run the stage calibrate for the whole run."""

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads), unchanged_user_files(params.user_files):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.detections.matching import MatchCriteria
        from orbitile.detections.nms.settings import NmsSettings
        from orbitile.jobs.exclusions import read_run_exclusions
        from orbitile.space.bodies import find_body
        from orbitile.stages.calibrate import CalibrationInputs, CalibrationOutputs, calibrate
        from orbitile.tables.craters import CraterTable

        radius_m = find_body(params.body).radius_m
        failed = read_run_exclusions(params.plan, params.allow_failures)
        tables = CalibrationInputs(files.detections, files.rasters, files.tiles, failed, params.enlarged)
        calibrate(
            tables, CraterTable.of(files.truth, params.truth_columns),
            MatchCriteria(**params.match_criteria, radius_m=radius_m),
            NmsSettings(**params.nms_settings, radius_m=radius_m), CalibrationOutputs(**snakemake.output),
            params.model["sha256"], params.unmapped_scenes,
        )  # fmt: skip
