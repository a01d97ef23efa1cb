"""Run the stage assemble_map for the whole run."""

from orbitile.features.filter import PolygonFilters
from orbitile.jobs.exclusions import read_run_exclusions
from orbitile.jobs.job import job
from orbitile.space.bodies import find_body
from orbitile.stages.assemble_map import MapInputs, MapOutputs, assemble_map

if __name__ == "__main__":
    files, params, out = snakemake.input, snakemake.params, snakemake.output
    with job(snakemake.log[0], snakemake.threads):
        body = find_body(params.body)
        filters = PolygonFilters.of(body, **params.polygon_filters)
        origin = params.origin | dict(exclusions=read_run_exclusions(params.plan, params.allow_failures))
        polygons, lines = (path.removesuffix(".parquet") for path in (out.polygons[0], out.lines[0]))
        outputs = MapOutputs(polygons, lines, out.summary, out.rose)
        assemble_map(MapInputs(files.outlines, files.stitched), filters, body, origin, outputs)
