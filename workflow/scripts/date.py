"""Run the stage date for the whole run."""

from pathlib import Path

from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.counting.ages import DatingChoice
        from orbitile.space.bodies import find_body
        from orbitile.stages.date import date

        choice = DatingChoice(**params.dating)
        date(files.counts, choice, Path(params.program), find_body(params.body), snakemake.output[0])
