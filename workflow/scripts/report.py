"""Write the report on a run."""

from pathlib import Path

from orbitile.jobs.job import job

if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.stages.report import report

        report(Path(snakemake.params.results))
