"""Run the stage untile for one group."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.detections.tiling import SizeLimits
        from orbitile.inference.models.weights_header import stated_correction
        from orbitile.space.bodies import find_body
        from orbitile.stages.untile import UntileInputs, untile

        size_limits = {scale_m: SizeLimits(**limits) for scale_m, limits in params.size_limits.items()}
        tables = UntileInputs(files.predictions, files.tiles, files.rasters)
        correction = stated_correction(params.model["weights"])
        radius_m = find_body(params.body).radius_m
        untile(tables, size_limits, radius_m, snakemake.output[0], params.enlarged, correction)
