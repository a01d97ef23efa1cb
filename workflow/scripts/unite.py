"""Run the stage unite for the whole run."""

from orbitile.jobs.exclusions import left_out
from orbitile.jobs.job import job
from orbitile.space.bodies import body
from orbitile.stages.unite import Filters, Groups, Results, unite

if __name__ == "__main__":
    files, params, out = snakemake.input, snakemake.params, snakemake.output
    with job(snakemake.log[0], snakemake.threads):
        origin = params.origin | dict(exclusions=left_out(params.plan, params.allow_failures))
        results = Results(
            *(name.removesuffix(".parquet") for name in (out.polygons[0], out.lines[0])), out.summary, out.rose
        )
        where = body(params.body)
        unite(Groups(files.outlines, files.stitched), Filters.of(where, **params.filters), where, origin, results)
