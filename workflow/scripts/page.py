"""Run the stage page for the whole run."""

from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.space.bodies import find_body
        from orbitile.stages.page import PageInputs, page
        from orbitile.web.run_page import PageChoice

        inputs = PageInputs(files.manifest, params.plan, files.rasters, files.get("completeness"))
        choice = PageChoice(**params.choice)
        page(inputs, find_body(params.body), choice, **snakemake.output, unmapped_scenes=params.unmapped_scenes)
