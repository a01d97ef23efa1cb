"""Draw one scene with its probabilities, polygons and lines."""

from orbitile.jobs.job import job
from orbitile.space.bodies import body
from orbitile.stages.overlay import Drawn, overlay

if __name__ == "__main__":
    files = snakemake.input
    with job(snakemake.log[0], snakemake.threads):
        drawn = Drawn(files.scaled, files.stitched, files.polygons, files.lines)
        overlay(drawn, snakemake.wildcards.scene, body(snakemake.params.body).radius_m, snakemake.output[0])
