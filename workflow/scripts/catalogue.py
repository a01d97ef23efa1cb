"""Run the stage catalogue for the whole run."""

from orbitile.job import logged
from orbitile.space.bodies import body
from orbitile.stages.catalogue import catalogue
from orbitile.stages.suppress import Rules

if __name__ == "__main__":
    files, params = snakemake.input, snakemake.params
    with logged(snakemake.log[0]):
        where = body(params.body)
        groups = dict(suppressed=files.suppressed, detections=files.detections)
        rules = Rules(**params.rules, radius_m=where.radius_m)
        stem = snakemake.output[0].removesuffix(".parquet")
        catalogue(groups, rules, where, params.look, params.origin, stem)
