"""Burn labels into rasters of the scenes, and cut the tiles from which `train_segmenter` learns."""

from orbitile.jobs.job import job
from orbitile.space.bodies import find_body

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        from orbitile.stages.rasterise_labels import LabelRasterisation, rasterise_labels
        from orbitile.training.segmentation.tiles import TrainingTileCut

        rasterisation = LabelRasterisation.of(find_body(params.body), **params.label_rasterisation)
        cut = TrainingTileCut(**params.training_tile_cut)
        rasterise_labels(files.rasters, files.labels, rasterisation, cut, params.folder, snakemake.output[0])
