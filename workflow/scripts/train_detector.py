"""Train the detector."""

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads), unchanged_user_files(params.user_files):
        # Imported here, so that a job that runs out of memory while it imports is on record.
        from orbitile.space.bodies import find_body
        from orbitile.tables.craters import CraterTable
        from orbitile.tables.scenes import SceneOrigin
        from orbitile.training.detection.recipe import DetectorRecipe
        from orbitile.training.detection.train import TrainingInputs, TrainingOutputs, search_scales, train_detector

        craters = CraterTable.of(files.craters, params.label_columns)
        origins = {scene: SceneOrigin(*cells) for scene, cells in params.scene_origins.items()}
        train_detector(
            TrainingInputs(files.rasters, craters, params.unmapped_scenes, origins),
            DetectorRecipe(**params.detector_recipe),
            search_scales(params.tile_sizes, params.size_limits),
            find_body(params.body).radius_m,
            TrainingOutputs(**snakemake.output),
        )
