"""Draw the scenes of one group with their probabilities, polygons and lines."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads) as work:
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.space.bodies import find_body
        from orbitile.stages.annotate_map import MapDrawing, annotate_map

        tables = MapDrawing(files.scaled, files.stitched, files.manifest, files.get("classified"))
        radius_m = find_body(params.body).radius_m
        annotate_map(tables, radius_m, snakemake.output[0], work, params.unmapped_scenes)
