"""Label scenes, and cut the tiles that `train_segmentation` learns from."""

from orbitile.jobs.job import job
from orbitile.space.bodies import body

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        from orbitile.stages.label import Labelling, label
        from orbitile.training.segmentation.tiles import TileCut

        how = Labelling.of(body(params.body), **params.labels)
        label(files.rasters, files.labels, how, TileCut(**params.cut), params.folder, snakemake.output[0])
