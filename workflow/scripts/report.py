"""Write the report on a run."""

from pathlib import Path

from orbitile.jobs.job import job
from orbitile.stages.report import report

if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads):
        report(Path(snakemake.params.results), Path(snakemake.input.manifest), **snakemake.output)
