"""Draw the tiles from which `train_detector` learns."""

from orbitile.jobs.job import job
from orbitile.space.bodies import find_body
from orbitile.training.detector_tiles import TileDrawing, draw_tiles

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        drawing, radius_m = TileDrawing(**params.tile_drawing), find_body(params.body).radius_m
        draw_tiles(files.rasters, files.craters, drawing, radius_m, params.folder, snakemake.output[0])
