"""Run the stage train."""

from pathlib import Path

from orbitile.job import logged
from orbitile.training.train import Recipe, train

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        folder = str(Path(snakemake.input[0]).parent)
        train(folder, Recipe(**snakemake.params.recipe), **snakemake.output)
