"""Run the stage tile for one group."""

from orbitile.jobs.job import job
from orbitile.stages.tile import tile
from orbitile.tiling import TileSize

if __name__ == "__main__":
    params = snakemake.params
    with job(snakemake.log[0], snakemake.threads, snakemake.config["allow_failures"]) as work:
        sizes = {scale_m: TileSize(**size) for scale_m, size in params.sizes.items()}
        tile(snakemake.input[0], sizes, params.folder, snakemake.output[0], work)
