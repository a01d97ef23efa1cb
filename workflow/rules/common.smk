import math
from itertools import chain

VECTORS = [
    ".parquet",
    ".gpkg",
    ".shp",
    ".shx",
    ".dbf",
    ".prj",
    ".cpg",
    ".shp.names.csv",
]


def growing(base, per_gigapixel=0):
    """What a job asks for grows with the pixels of its group, or of the run, and with the attempt."""

    def needs(wildcards, attempt):
        return math.ceil(
            attempt * (base + per_gigapixel * plan.gigapixels(wildcards.get("group")))
        )

    return needs


def lender_tables(stage):
    """The tables of a stage in the groups whose scenes lend pixels to those of a group."""

    def tables(wildcards):
        groups = plan.group(wildcards.group).lenders
        return expand(f"{RESULTS}/{stage}/{{group}}.parquet", group=groups)

    return tables
