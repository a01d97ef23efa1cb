"""Label rasters of the scenes, and the tiles cut from them from which `train_segmenter` learns."""

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads), unchanged_user_files(params.user_files):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.space.bodies import find_body
        from orbitile.stages.rasterise_labels import PointSource, SceneTable, label_source, rasterise_labels
        from orbitile.training.scene_deal import SceneDeal
        from orbitile.training.segmentation.tiles import TrainingTileCut

        body, unmapped = find_body(params.body), params.unmapped_scenes
        source = label_source(files.labels, body, params.label_rasterisation, params.mask_files, unmapped)
        points = PointSource.read(files.points, body, params.point_rasterisation, unmapped)
        table = SceneTable(params.scenes, SceneDeal(**params.scene_deal), unmapped == 0)
        cut = TrainingTileCut(**params.training_tile_cut)
        rasterise_labels(files.rasters, source, table, cut, params.folder, snakemake.output[0], points)
