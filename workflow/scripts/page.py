"""Run the stage page for the whole run."""

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with job(snakemake.log[0], snakemake.threads), unchanged_user_files(params.user_files):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.detections.matching import MatchCriteria
        from orbitile.space.bodies import find_body
        from orbitile.stages.page import PageInputs, page
        from orbitile.tables.craters import CraterTable
        from orbitile.web.run_page import PageChoice

        body, choice = find_body(params.body), PageChoice(**params.choice)
        criteria = MatchCriteria(**params.match_criteria, radius_m=body.radius_m)
        compared, name = None, None
        if files.get("compared"):
            compared, name = CraterTable.of(files.compared, params.compared["columns"]), params.compared["name"]
        tables = files.rasters, files.get("completeness")
        inputs = PageInputs(files.manifest, params.plan, *tables, compared, name, params.enlarged)
        page(inputs, criteria, body, choice, **snakemake.output)
