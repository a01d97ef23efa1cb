"""assemble_map: the polygons and lines of all scenes as one map."""

import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from orbitile.base.files import atomic, make_folder, write_json
from orbitile.base.provenance import provenance
from orbitile.calibration.map_statement import MapStatement
from orbitile.features.class_areas import run_areas, scene_areas
from orbitile.features.feature_store import FeatureStore, NumberedFeatures
from orbitile.features.filter import PolygonFilters
from orbitile.features.join import PLACES, MapFrames
from orbitile.features.map_features import FilteredFeatures, MapFeatures
from orbitile.features.shapes.ground import LONGEST_EDGE_PX, PIXEL_EDGE_PX
from orbitile.features.summary import SECTOR_DEG, draw_rose, sectors_m, summarise
from orbitile.gis.layer_styles import class_renderer, style_text, write_style_file
from orbitile.gis.run_layers import probability_classes
from orbitile.inference.class_decision import ARGMAX
from orbitile.jobs.summary import nothing_found_text
from orbitile.pipeline import SEGMENTATION
from orbitile.space.bodies import Body
from orbitile.tables.class_rasters import ClassRaster, read_class_rasters
from orbitile.tables.content_hash import ContentHash, content_hash
from orbitile.tables.datasets import describe_part, published_folder
from orbitile.tables.feature_parts import (
    CONTENT,
    feature_ids,
    part_schema,
    read_part_rows,
    with_multiple_parts,
    write_features,
)
from orbitile.tables.features import KINDS
from orbitile.tables.masks import OUTLINES
from orbitile.tables.object_ids import ID
from orbitile.tables.parquet import read_arrow, read_table
from orbitile.tables.rasters import read_rasters_of_groups
from orbitile.tables.standalone_files import remove_standalone_files, write_several_files, write_single_files
from orbitile.tables.vector_writers import VectorLayer
from orbitile.tables.vectors import VECTOR_FORMATS, add_georef_methods, count_georef_methods

log = logging.getLogger(__name__)

SHAPES = dict(polygons="Polygon", lines="LineString")
ROWS_AT_ONCE = 50_000
"""Rows that are in memory as shapes while files are written."""
SCRATCH = ".features-"
"""What the names of folders begin with that hold features while the map is made."""


class MapInputs(NamedTuple):
    """The groups' tables of outlines, each with its group's name, and of the rasters that these are outlines of.

    `classified` are those of rasters of classes, where classes exclude each other. `scenes_apart`: the run is in plain
    pixel coordinates.
    """

    outlines: Sequence[str]
    stitched: Sequence[str]
    classified: Sequence[str] = ()
    scenes_apart: bool = False


class MapOutputs(NamedTuple):
    """Paths to write: polygons and lines (several formats, by their stem), the table of figures, the rose diagram.

    `formats` (gpkg, shp, parquet) are those of the files beside the datasets, with at most `rows_per_file` rows each.
    `class_areas` is the table of the areas of classes that exclude each other, scene by scene.
    """

    polygons: str
    lines: str
    summary: str
    rose: str
    formats: Sequence[str] = VECTOR_FORMATS
    rows_per_file: int = 500_000
    class_areas: str | None = None


@dataclass
class MapFigures:
    """Figures of a map that are summed up while it is made."""

    dropped: list[pd.DataFrame] = field(default_factory=list)
    sectors: np.ndarray = field(default_factory=lambda: np.zeros(180 // SECTOR_DEG))

    def add(self, features: FilteredFeatures, radius_m: float) -> None:
        """Count the dropped polygons, and add the lines to the metres in each direction."""
        self.dropped.append(features.dropped)
        self.sectors += sectors_m(features.lines.geometry.to_numpy(), radius_m)

    @property
    def dropped_by_reason(self) -> dict[str, int]:
        """How many polygons were dropped, by reason, from the most frequent one on."""
        counts = pd.concat(self.dropped).groupby("reason")["count"].sum().sort_values(ascending=False, kind="stable")
        return {str(reason): int(count) for reason, count in counts.items()}


def assemble_map(
    inputs: MapInputs, filters: PolygonFilters, body: Body, origin: dict, outputs: MapOutputs,
    statement: MapStatement | None = None,
) -> None:  # fmt: skip
    """Join the groups' outlines over all borders, measure and filter them, and write the map.

    The map is a dataset: a folder for polygons and one for lines, with a part for each group. Beside them stand files
    of their names; beyond `rows_per_file` rows these are folders with several files, polygons_files and lines_files.
    The manifest, polygons.json, comes last. Only the features of one group are in memory at a time, with those that
    cross borders of groups.

    Seams of scenes that were merged from strips, which the rasters' tables name, count as those of the filters.
    `origin` says what the map was made from; it becomes part of the metadata, as does what a `statement` says of the
    errors of its pixels.
    """
    rasters = {(row.scene, row.scale_m): row for row in read_rasters_of_groups(inputs.stitched)}
    methods = {row.scene: dict(georef_method=row.georef_method, error_m=row.error_m) for row in rasters.values()}
    Path(f"{outputs.polygons}.json").unlink(missing_ok=True)
    for kind in KINDS:
        remove_standalone_files(getattr(outputs, kind))  # should this fail, nothing earlier is taken for the new map
    with _scratch_folder(Path(outputs.polygons).parent) as folder:
        edge_px = PIXEL_EDGE_PX if inputs.classified else LONGEST_EDGE_PX
        features = MapFeatures(MapFrames.of(_places(inputs.outlines), rasters), rasters, filters, body, edge_px)
        store, figures = FeatureStore(folder, features.layers), MapFigures()
        for group, part in _features(inputs.outlines, features):
            store.add(group, part)
            figures.add(part, body.radius_m)
        numbered = store.numbered()
        published = partial(PublishedFeatures.of, numbered, body=body, scenes_apart=inputs.scenes_apart)
        parts = [published(kind, getattr(outputs, kind), methods) for kind in KINDS]
        totals = _write_figures(numbered, figures, _class_rasters(inputs), outputs)
        content = ContentHash.joined(part.content for part in parts).text
        metadata = totals | dict(sha256=content, georef_methods=count_georef_methods(methods), **origin, **provenance(),
                                 errors=statement.stated() if statement else None,
                                 alarm=None if totals["rows"] else nothing_found_text(SEGMENTATION))  # fmt: skip
        classes = _class_names(totals, [row.path for row in rasters.values()], features)
        files = [file for part in parts for file in part.write_files(numbered, outputs, metadata, classes)]
    if metadata["alarm"]:
        log.warning("%s", metadata["alarm"])
    described = dict(parts=[described for part in parts for described in part.parts], files=files)
    write_json(f"{outputs.polygons}.json", metadata | described)
    log.info(
        "%d polygons, %d lines; polygons dropped: %s", totals["rows"], totals["lines"], totals["dropped"] or "none"
    )


@contextmanager
def _scratch_folder(folder: Path) -> Iterator[Path]:
    """A folder in another for what is not finished; those that a killed job left behind are removed."""
    make_folder(folder)
    for remainder in folder.glob(f"{SCRATCH}*"):
        shutil.rmtree(remainder, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=SCRATCH) as scratch:
        yield Path(scratch)


def _places(paths: Sequence[str]) -> pd.DataFrame:
    """The scenes, scales and classes with outlines."""
    places = OUTLINES.empty_table().select(PLACES).to_pandas()
    return pd.concat([places, *(read_arrow(path, PLACES).group_by(PLACES).aggregate([]).to_pandas() for path in paths)])


def _features(paths: Sequence[str], features: MapFeatures) -> Iterator[tuple[str, FilteredFeatures]]:
    """The groups' features, then those that may cross borders of groups, by group."""
    for path in paths:
        yield Path(path).stem, features.of_group(Path(path).stem, read_table(path))
    yield from features.across_groups()


def _class_names(totals: Mapping, stitched: Sequence[str], features: MapFeatures) -> list[str]:
    """The classes of a map by their numbers, from 1, as rasters call them; by name where those call others."""
    if totals.get("classes"):
        return totals["classes"][1:]
    names = probability_classes(stitched[0]) if stitched else []
    present = {key.class_name for key in features.layers}
    return names if present.issubset(names) else sorted(present)


def _class_rasters(inputs: MapInputs) -> list[ClassRaster] | None:
    """The rasters of classes that exclude each other; None where classes do not."""
    return [row for path in inputs.classified for row in read_class_rasters(path)] if inputs.classified else None


def _write_figures(
    numbered: NumberedFeatures, figures: MapFigures, rasters: list[ClassRaster] | None, outputs: MapOutputs
) -> dict:
    """Write the tables of figures and the rose diagram; returns the map's totals."""
    polygons, lines = (numbered.figures(kind) for kind in KINDS)
    areas = None if rasters is None else run_areas(rasters)
    with atomic(outputs.summary) as temporary:
        summarise(polygons, lines, pd.concat(figures.dropped), areas).to_csv(temporary, index=False)
    if outputs.class_areas and rasters is not None:
        with atomic(outputs.class_areas) as temporary:
            scene_areas(rasters).to_csv(temporary, index=False)
    draw_rose(figures.sectors, len(lines), outputs.rose)
    classes = {} if rasters is None else dict(decision=ARGMAX, classes=rasters[0].classes if rasters else [])
    return dict(
        rows=len(polygons), what="polygons on the map", lines=len(lines), area_m2=float(polygons["area_m2"].sum()),
        length_m=float(lines["length_m"].sum()), dropped=figures.dropped_by_reason, **classes,
    )  # fmt: skip


@dataclass(frozen=True)
class PublishedFeatures:
    """The polygons or the lines of a map as a dataset: its parts as the manifest describes them, and its hash.

    `scenes_apart`: in plain pixel coordinates.
    """

    kind: str
    stem: str
    methods: Mapping[str, Mapping]
    body: Body
    parts: list[dict]
    content: ContentHash
    scenes_apart: bool

    @classmethod
    def of(
        cls, numbered: NumberedFeatures, kind: str, stem: str, methods: Mapping[str, Mapping], body: Body,
        scenes_apart: bool,
    ) -> "PublishedFeatures":  # fmt: skip
        """Write the dataset into a folder of the name of `stem`, in place of what is there."""
        hashes = []
        with published_folder(Path(stem)) as folder:
            for group in sorted(numbered.groups):
                rows = pa.concat_tables([table for table, _ in numbered.rows(kind, group)])
                hashes.append(content_hash(rows, CONTENT[kind]))
                write_features(rows, kind, methods, body, folder / f"{group}.parquet", scenes_apart)
        parts = [dict(kind=kind, **describe_part(Path(stem) / f"{group}.parquet")) for group in sorted(numbered.groups)]
        return cls(kind, stem, methods, body, parts, ContentHash.joined(hashes), scenes_apart)

    def write_files(
        self, numbered: NumberedFeatures, outputs: MapOutputs, metadata: dict, classes: Sequence[str]
    ) -> list[dict]:
        """Write the files beside the dataset, in place of earlier ones, with a style that gives `classes` colours.

        Returns what the manifest says of the files.
        """
        in_files = {"orbitile": json.dumps(metadata, sort_keys=True)}
        styles = dict(classes=style_text(class_renderer(self.kind, classes)))
        layer = VectorLayer(self.stem, SHAPES[self.kind], self.body.crs, in_files, styles)
        if numbered.count(self.kind) > outputs.rows_per_file:
            return write_several_files(self._batches(), layer, outputs.formats, outputs.rows_per_file)
        if outputs.formats:
            write_style_file(self.stem, styles)
        return write_single_files(self._frames(numbered) if outputs.formats else [], layer, outputs.formats)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, with shapes of one type."""
        columns = part_schema(self.kind).names
        for part in self.parts:
            for table in read_part_rows(Path(self.stem) / f"{part['group']}.parquet", columns):
                yield from with_multiple_parts(table).to_batches()

    def _frames(self, numbered: NumberedFeatures) -> Iterator[geopandas.GeoDataFrame]:
        """All rows in the order of the map, some at a time."""
        batches = [batch for group in numbered.groups for batch in numbered.rows(self.kind, group)]
        table = pa.concat_tables([CONTENT[self.kind].empty_table(), *(rows for rows, _ in batches)])
        order = np.argsort(np.concatenate([np.zeros(0, int), *(ranks for _, ranks in batches)]))
        for first in range(0, max(len(order), 1), ROWS_AT_ONCE):
            rows = table.take(order[first : first + ROWS_AT_ONCE]).to_pandas()
            shapes = shapely.from_wkb(rows["geometry"].to_numpy(object))
            rows.insert(0, ID.name, feature_ids(rows, self.kind, self.body, self.scenes_apart).to_pylist())
            frame = geopandas.GeoDataFrame(rows.drop(columns="geometry"), geometry=shapes, crs=self.body.crs)
            yield add_georef_methods(frame, self.methods)
