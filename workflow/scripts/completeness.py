"""Run the stage completeness for the whole run."""

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads), unchanged_user_files(params.user_files):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.calibration.statement import CatalogueStatement, ScoreChoice
        from orbitile.space.bodies import find_body
        from orbitile.stages.completeness import SearchedTables, completeness

        statement = CatalogueStatement.read(params.row_confidence, ScoreChoice(**params.score_choice))
        completeness(
            SearchedTables(files.rasters, files.tiles, params.enlarged), files.catalogue, find_body(params.body),
            params.formats, snakemake.output[0], statement, params.unmapped_scenes,
        )  # fmt: skip
