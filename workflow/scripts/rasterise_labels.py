"""Burn labels into rasters of the scenes, and cut the tiles from which `train_segmenter` learns."""

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads), unchanged_user_files(params.user_files):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.space.bodies import find_body
        from orbitile.stages.rasterise_labels import LabelRasterisation, rasterise_labels
        from orbitile.training.segmentation.tiles import TrainingTileCut

        options = dict(**params.label_rasterisation, unmapped_scenes=params.unmapped_scenes)
        rasterisation = LabelRasterisation.of(find_body(params.body), **options)
        cut = TrainingTileCut(**params.training_tile_cut)
        inputs = files.rasters, files.labels, rasterisation, cut
        rasterise_labels(*inputs, params.folder, snakemake.output[0], files.points)
