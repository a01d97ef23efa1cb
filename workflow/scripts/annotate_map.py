"""Draw the scenes of one group with their probabilities, polygons and lines."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    files = snakemake.input
    with job(snakemake.log[0], snakemake.threads) as work:
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.space.bodies import find_body
        from orbitile.stages.annotate_map import MapDrawing, annotate_map

        tables = MapDrawing(files.scaled, files.stitched, files.manifest, files.get("classified"))
        annotate_map(tables, find_body(snakemake.params.body).radius_m, snakemake.output[0], work)
