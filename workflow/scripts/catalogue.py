"""Run the stage catalogue for the whole run."""

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads), unchanged_user_files(params.user_files):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.calibration.statement import CatalogueStatement, ScoreChoice
        from orbitile.detections.nms.settings import NmsSettings
        from orbitile.features.shapes.detection_shapes import VectorStyle
        from orbitile.jobs.exclusions import read_run_exclusions
        from orbitile.jobs.scene_warnings import read_doubts
        from orbitile.space.bodies import find_body
        from orbitile.stages.catalogue import CatalogueInputs, catalogue
        from orbitile.tables.plan import read_georef_methods
        from orbitile.tables.vectors import count_georef_methods

        body = find_body(params.body)
        settings = NmsSettings(**params.nms_settings, radius_m=body.radius_m)
        style, methods = VectorStyle(**params.vectors), count_georef_methods(read_georef_methods(params.plan))
        exclusions = read_run_exclusions(params.plan, params.allow_failures)
        doubts = read_doubts(params.plan)
        origin = dict(georef_methods=methods) | params.origin | dict(exclusions=exclusions, doubts=doubts)
        tables = CatalogueInputs(files.suppressed, files.detections, files.tiles)
        statement = CatalogueStatement.read(params.row_confidence, ScoreChoice(**params.score_choice))
        catalogue(tables, settings, body, style, origin, snakemake.output[0], statement)
