"""Run the stage stitch for one group."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads, snakemake.config["allow_failures"]) as work:
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.detections.tiling import TileSize
        from orbitile.stages.stitch import StitchInputs, stitch_masks

        tile_sizes = {scale_m: TileSize(**size) for scale_m, size in params.tile_sizes.items()}
        stitch_masks(StitchInputs(**files), tile_sizes, params.folder, snakemake.output[0], work)
