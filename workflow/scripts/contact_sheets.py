"""Run the stage contact_sheets for the whole run."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.stages.contact_sheets import SheetFiles, SheetInputs, contact_sheets

        inputs = SheetInputs(files.catalogue, files.detections, files.rasters, params.enlarged)
        contact_sheets(inputs, params.size_limits, params.overlap, SheetFiles(**snakemake.output))
