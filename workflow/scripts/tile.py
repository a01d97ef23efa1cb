"""Run the stage tile for one group."""

from orbitile.job import logged
from orbitile.stages.tile import TileSize, tile

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        sizes = {scale_m: TileSize(**size) for scale_m, size in snakemake.params.sizes.items()}
        tile(snakemake.input[0], sizes, snakemake.output[0])
