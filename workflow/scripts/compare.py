"""Run the stage compare for the whole run."""

from orbitile.jobs.job import job
from orbitile.space.bodies import body
from orbitile.stages.compare import Comparison, Found, compare

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        found = Found(files.lines, files.scaled, files.stitched)
        comparison = Comparison.of(body(params.body), **params.comparison)
        compare(found, files.truth, comparison, **snakemake.output)
