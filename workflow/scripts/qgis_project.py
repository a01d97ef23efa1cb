"""Run the stage qgis_project for the whole run."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.space.bodies import find_body
        from orbitile.stages.qgis_project import ProjectInputs, qgis_project

        inputs = ProjectInputs(
            files.manifest,
            params.plan,
            files.rasters,
            files.get("completeness"),
            files.get("stitched", ()),
            files.get("judging"),
            params.enlarged,
        )
        qgis_project(inputs, find_body(params.body), **snakemake.output)
