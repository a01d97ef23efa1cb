"""Draw the scenes of one group with their craters."""

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads) as work, unchanged_user_files(params.user_files):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.detections.matching import MatchCriteria
        from orbitile.space.bodies import find_body
        from orbitile.stages.annotate import DrawnCraters, annotate_craters
        from orbitile.tables.craters import CraterTable

        criteria = MatchCriteria(**params.match_criteria, radius_m=find_body(params.body).radius_m)
        truth = CraterTable.of(files.truth, params.truth_columns) if files.truth else None
        detected = files.catalogue or CraterTable.of(files.craters, params.craters_columns)
        drawn, unmapped = DrawnCraters(detected, truth, params.enlarged), params.unmapped_scenes
        annotate_craters(files.rasters, drawn, criteria, snakemake.output[0], work, unmapped)
