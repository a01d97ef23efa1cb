"""Run the stage suppress for one group."""

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads), unchanged_user_files(params.user_files):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.calibration.row_confidence import RowConfidence
        from orbitile.detections.nms.settings import NmsSettings
        from orbitile.space.bodies import find_body
        from orbitile.stages.suppress import DetectionTables, suppress

        body = find_body(params.body)
        settings = NmsSettings(**params.nms_settings, radius_m=body.radius_m)
        confidence = RowConfidence.read(**params.row_confidence) if params.row_confidence else None
        tables = DetectionTables(files.group, files.rings)
        suppress(tables, params.plan, settings, body, snakemake.output[0], confidence)
