"""Run the stage vectorise for one group."""

from orbitile.features.shapes.detection_shapes import VectorStyle
from orbitile.jobs.job import job
from orbitile.space.bodies import find_body
from orbitile.stages.vectorise import vectorise
from orbitile.tables.plan import read_georef_methods

if __name__ == "__main__":
    params = snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        stem = snakemake.output[0].removesuffix(".parquet")
        style = VectorStyle(**params.vectors, georef_methods=read_georef_methods(params.plan))
        vectorise(snakemake.input[0], style, find_body(params.body), stem)
