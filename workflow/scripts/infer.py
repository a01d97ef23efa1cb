"""Run the stage infer for one group."""

import torch

from orbitile.job import logged
from orbitile.models.adapter import ModelChoice
from orbitile.stages.infer import infer

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with logged(snakemake.log[0]):
        torch.set_num_threads(snakemake.threads)
        infer(files.tiles, files.rasters, ModelChoice(**params.choice), params.tile_px, snakemake.output[0])
