"""Run the stage downsample for one group."""

from orbitile.job import logged
from orbitile.stages.downsample import downsample

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        downsample(snakemake.input[0], snakemake.params.scales, snakemake.params.folder, snakemake.output[0])
