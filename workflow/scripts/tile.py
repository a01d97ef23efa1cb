"""Run the stage tile for one group."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    params = snakemake.params
    with job(snakemake.log[0], snakemake.threads, snakemake.config["allow_failures"]) as work:
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.detections.tiling import TileSize
        from orbitile.stages.tile import tile_scenes

        tile_sizes = {scale_m: TileSize(**size) for scale_m, size in params.tile_sizes.items()}
        tile_scenes(snakemake.input[0], tile_sizes, params.folder, snakemake.output[0], work, params.enlarged)
