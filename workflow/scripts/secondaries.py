"""Run the stage secondaries for the whole run."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.stages.secondaries import SecondaryChoice, SecondaryOutputs, secondaries

        secondaries(
            files.catalogue, files.completeness, SecondaryChoice(**params.choice),
            SecondaryOutputs(**snakemake.output),
        )  # fmt: skip
