"""Run the stage evaluate_map for the whole run."""

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads), unchanged_user_files(params.user_files):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.space.bodies import find_body
        from orbitile.stages.evaluate_map import MapComparison, MapResults, evaluate_map

        results = MapResults(files.manifest, files.scaled, files.stitched, files.classified)
        options = dict(**params.map_comparison, unmapped_scenes=params.unmapped_scenes)
        comparison = MapComparison.of(find_body(params.body), **options)
        evaluate_map(results, files.truth, comparison, **snakemake.output)
