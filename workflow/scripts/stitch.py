"""Run the stage stitch for one group."""

from orbitile.jobs.job import job
from orbitile.stages.stitch import Inputs, stitch
from orbitile.tiling import TileSize

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads, snakemake.config["allow_failures"]) as work:
        sizes = {scale_m: TileSize(**size) for scale_m, size in params.sizes.items()}
        stitch(Inputs(**files), sizes, params.folder, snakemake.output[0], work)
