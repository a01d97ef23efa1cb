"""Run the stage judging for the whole run."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.features.shapes.detection_shapes import VectorStyle
        from orbitile.stages.judging import write_judging_layer

        style = VectorStyle(**params.vectors)
        write_judging_layer(files.catalogue, params.rows, params.seed, style, snakemake.output.manifest)
