"""Run the stage evaluate for the whole run."""

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads), unchanged_user_files(params.user_files):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.detections.matching import MatchCriteria
        from orbitile.space.bodies import find_body
        from orbitile.stages.evaluate import EvaluatedRun, EvaluationOutputs, evaluate_catalogue
        from orbitile.tables.craters import CraterTable

        criteria = MatchCriteria(**params.match_criteria, radius_m=find_body(params.body).radius_m)
        run = EvaluatedRun(
            files.catalogue, files.rasters, params.score_threshold, params.enlarged, params.unmapped_scenes
        )
        truth = CraterTable.of(files.truth, params.truth_columns)
        evaluate_catalogue(run, truth, criteria, EvaluationOutputs(**snakemake.output))
