"""Draw one scene with its craters."""

from orbitile.detections.matching import MatchCriteria
from orbitile.jobs.job import job
from orbitile.space.bodies import find_body
from orbitile.stages.annotate import annotate_craters

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        criteria = MatchCriteria(**params.match_criteria, radius_m=find_body(params.body).radius_m)
        truth = files.truth or None
        annotate_craters(files.rasters, snakemake.wildcards.scene, files.craters, truth, criteria, snakemake.output[0])
