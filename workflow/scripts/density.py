"""Run the stage density for the whole run."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.stages.density import DensityChoice, DensityOutputs, SearchLimits, density

        density(
            files.catalogue, files.completeness, DensityChoice(**params.choice), SearchLimits(**params.limits),
            DensityOutputs(**snakemake.output),
        )  # fmt: skip
