"""Run the stage vectorise for one group."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    params = snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.features.shapes.detection_shapes import VectorStyle
        from orbitile.space.bodies import find_body
        from orbitile.stages.vectorise import vectorise
        from orbitile.tables.plan import read_georef_methods

        stem = snakemake.output[0].removesuffix(".parquet")
        style = VectorStyle(**params.vectors, georef_methods=read_georef_methods(params.plan))
        vectorise(snakemake.input[0], style, find_body(params.body), stem)
