"""Run the stage evaluate_map for the whole run."""

from orbitile.jobs.job import job
from orbitile.space.bodies import find_body
from orbitile.stages.evaluate_map import MapComparison, MapResults, evaluate_map

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        results = MapResults(files.lines, files.scaled, files.stitched)
        comparison = MapComparison.of(find_body(params.body), **params.map_comparison)
        evaluate_map(results, files.truth, comparison, **snakemake.output)
