"""Run the stage assemble_map for the whole run."""

from pathlib import Path

from orbitile.base.versions import unchanged_user_files
from orbitile.jobs.job import job

if __name__ == "__main__":
    files, params, out = snakemake.input, snakemake.params, snakemake.output
    with job(snakemake.log[0], snakemake.threads), unchanged_user_files(params.user_files):
        # Imported here, so that a job that is killed on the way is on record.
        from orbitile.calibration.map_statement import MapStatement
        from orbitile.features.filter import PolygonFilters
        from orbitile.jobs.exclusions import read_run_exclusions
        from orbitile.jobs.scene_warnings import read_doubts
        from orbitile.space.bodies import find_body
        from orbitile.stages.assemble_map import MapInputs, MapOutputs, assemble_map

        body = find_body(params.body)
        filters = PolygonFilters.of(body, **params.polygon_filters)
        exclusions = read_run_exclusions(params.plan, params.allow_failures)
        origin = params.origin | dict(exclusions=exclusions, doubts=read_doubts(params.plan))
        folder = Path(out.manifest).parent
        stems = (str(folder / name) for name in ("polygons", "lines"))
        outputs = MapOutputs(*stems, out.summary, out.rose, **params.files, class_areas=out.get("class_areas"))
        statement = MapStatement.read(params.pixel_calibration, params.accepted_errors, params.outline_settings)
        tables = MapInputs(files.outlines, files.stitched, files.classified, params.scenes_apart)
        assemble_map(tables, filters, body, origin, outputs, statement)
