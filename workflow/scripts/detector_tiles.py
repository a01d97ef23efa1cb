"""Draw the tiles from which `train_detector` learns."""

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads), unchanged_user_files(params.user_files):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.space.bodies import find_body
        from orbitile.tables.craters import CraterTable
        from orbitile.training.detector_tiles import TileDrawing, draw_tiles

        drawing, radius_m = TileDrawing(**params.tile_drawing), find_body(params.body).radius_m
        craters, unmapped = CraterTable.of(files.craters, params.label_columns), params.unmapped_scenes
        draw_tiles(files.rasters, craters, drawing, radius_m, params.folder, snakemake.output[0], unmapped)
