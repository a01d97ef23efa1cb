"""Run the stage georeference for one group."""

from orbitile.job import logged
from orbitile.stages.georeference import Target, georeference

if __name__ == "__main__":
    params = snakemake.params
    with logged(snakemake.log[0]):
        target = Target(params.crs, params.gsd_m, params.stretch_percentiles)
        georeference(params.scenes, target, params.folder, snakemake.output[0])
