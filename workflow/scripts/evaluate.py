"""Run the stage evaluate for the whole run."""

from orbitile.detections.matching import MatchCriteria
from orbitile.jobs.job import job
from orbitile.space.bodies import find_body
from orbitile.stages.evaluate import evaluate_catalogue

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        criteria = MatchCriteria(**params.match_criteria, radius_m=find_body(params.body).radius_m)
        evaluate_catalogue(files.craters, files.truth, files.rasters, criteria, **snakemake.output)
