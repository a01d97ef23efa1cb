"""Draw the tiles that `train` learns from."""

from orbitile.jobs.job import job
from orbitile.space.bodies import body
from orbitile.training.dataset import Drawing, draw_tiles

if __name__ == "__main__":
    params = snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        draw_tiles(
            snakemake.input.rasters,
            snakemake.input.craters,
            Drawing(**params.drawing),
            body(params.body).radius_m,
            params.folder,
            snakemake.output[0],
        )
