"""Print what failed in a run, and how to run it again."""

from pathlib import Path

from orbitile.jobs.show import show_failures

if __name__ == "__main__":
    show_failures(Path(snakemake.params.results))
