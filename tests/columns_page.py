"""The page docs/columns.md, written from the schemas: `make columns` does it, a test holds it."""

from pathlib import Path

import pyarrow as pa

from orbitile.features.footprints import FOOTPRINTS
from orbitile.jobs.failures import SCHEMA as FAILURES
from orbitile.tables.class_rasters import SCHEMA as CLASS_RASTERS
from orbitile.tables.crater_parts import CRATERS
from orbitile.tables.detections import GEOLOCATED, TILE_DETECTIONS
from orbitile.tables.feature_parts import part_schema
from orbitile.tables.masks import MASK_INDEX, OUTLINES, TILE_MASKS
from orbitile.tables.plan import SCHEMA as PLAN
from orbitile.tables.rasters import SCHEMA as RASTERS
from orbitile.tables.tiles import SCHEMA as TILES
from orbitile.tables.vector_writers import SHAPEFILE_NAMES

PAGE = Path(__file__).parents[1] / "docs" / "columns.md"
HEAD = """# The columns of all tables

Written from the schemas in the code (`make columns`). Longitudes and latitudes are in degrees, planetocentric, on the
sphere of the body; sizes are those on the ground. A Shapefile has no more than ten characters for a name: the column
"in a Shapefile" says where it differs.

An `id` is made of what and where an object is: its class, its scale, its centre and its size, to a
hundredth of a pixel. The same detection has the same id in every run, whatever the groups, the order, the name of the
run and the scenes that a mosaic is cut into; an object that lies a hundredth of a pixel elsewhere has another. An image
that is mapped twice under two names gives its polygons the same ids twice. In plain pixel coordinates the scene's name
is part of an id, too.
`orbitile.tables.object_ids` says how it is computed.
"""
RESULTS = {
    "The catalogue: `catalogue/craters`": CRATERS,
    "What was searched: `catalogue/completeness`": FOOTPRINTS,
    "The map: `map/polygons`": part_schema("polygons"),
    "The map: `map/lines`": part_schema("lines"),
}
"""What a run is for; each column has a description."""
STAGES = {
    "The plan: `plan.parquet`": PLAN,
    "Rasters: `georeferenced`, `scaled`, `stitched`": RASTERS,
    "Tiles: `tiles`": TILES,
    "Detections in tiles: `predictions`": TILE_DETECTIONS,
    "Detections on the body: `detections`": GEOLOCATED,
    "Masks of tiles: in the pieces of `predictions`": TILE_MASKS,
    "Where masks lie: `predictions`": MASK_INDEX,
    "Outlines: `outlines`": OUTLINES,
    "Rasters of classes: `classified`": CLASS_RASTERS,
    "Failures: `failures`": FAILURES,
}
"""What stages hand to each other, below `results/<run>/`."""


def columns_page() -> str:
    """The text of the page."""
    results = [_section(title, schema, with_short_names=True) for title, schema in RESULTS.items()]
    stages = [_section(title, schema) for title, schema in STAGES.items()]
    return "\n".join([HEAD, *results, "# Between the stages\n", *stages])


def _section(title: str, schema: pa.Schema, with_short_names: bool = False) -> str:
    heads = ["column", "unit", "what it is", "type", *(["in a Shapefile"] if with_short_names else [])]
    rows = [_row(field, with_short_names) for field in schema]
    lines = [_line(heads), _line(["---"] * len(heads)), *map(_line, rows)]
    return f"## {title}\n\n" + "\n".join(lines) + "\n"


def _row(field: pa.Field, with_short_names: bool) -> list[str]:
    metadata = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    short = [SHAPEFILE_NAMES.get(field.name, "")] if with_short_names else []
    return [f"`{field.name}`", metadata.get("unit", ""), metadata.get("about", ""), _type_name(field.type), *short]


def _type_name(data_type: pa.DataType) -> str:
    if pa.types.is_dictionary(data_type):
        return _type_name(data_type.value_type)
    if pa.types.is_list(data_type) or pa.types.is_fixed_size_list(data_type):
        return f"list of {_type_name(data_type.value_type)}"
    if pa.types.is_struct(data_type):
        return "struct"
    return "text" if pa.types.is_string(data_type) else "WKB" if pa.types.is_binary(data_type) else str(data_type)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.write_text(columns_page())
