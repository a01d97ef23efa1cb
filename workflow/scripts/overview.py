"""Draw the whole run's catalogue on its scenes."""

from orbitile.job import logged
from orbitile.space.bodies import body
from orbitile.stages.overview import overview

if __name__ == "__main__":
    files = snakemake.input
    with logged(snakemake.log[0]):
        overview(files.craters, files.rasters, body(snakemake.params.body).radius_m, snakemake.output[0])
